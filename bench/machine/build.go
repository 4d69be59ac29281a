package machine

import (
	"debug/buildinfo"
	"strings"
)

// Build says how a Go program was built, as far as its speed depends on it: the compiler and its flags, by RFC 8204, section 3.3. It is
// empty for a file that is none. Paths in flags are left out.
func Build(file string) string {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return ""
	}
	words := []string{info.GoVersion}
	for _, s := range info.Settings {
		switch s.Key {
		case "-pgo":
			words = append(words, "-pgo=on")
		case "-race", "-cover", "-gcflags", "-tags", "CGO_ENABLED", "GOARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT":
			words = append(words, s.Key+"="+s.Value)
		}
	}
	return strings.Join(words, " ")
}
