package result

// A Setup is how the parts were put together: what RFC 8204, section 3.3, wants reported and neither the machine's
// fingerprint nor a row says.
type Setup struct {
	Deployment string   `json:"deployment"`              // between what the switch forwards
	Generator  string   `json:"generator"`               // what sends and receives
	Ports      []string `json:"ports,omitempty"`         // the switch's: number, kind, ring sizes
	Threads    []Thread `json:"threads,omitempty"`       // and where they run
	Memory     string   `json:"memory,omitempty"`        // of the switch and the guests
	Nice       int      `json:"switches_nice,omitempty"` // value of the switches' processes (setpriority(2)), -20 to 19
	Isolation  string   `json:"isolation,omitempty"`     // what keeps others off the CPUs
	Windows    string   `json:"windows,omitempty"`       // how long they are, what comes before them
	Repetition string   `json:"repetition,omitempty"`    // in which order, how often
	Missing    []string `json:"missing,omitempty"`       // switches that were to take part and could not, and why
}

// A Thread has a CPU for itself.
type Thread struct {
	Name string `json:"name"`
	CPU  int    `json:"cpu"`
}
