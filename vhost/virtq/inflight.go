package virtq

// inflightVersion is the version of the layout below; 0 is a region nobody has written to.
const inflightVersion = 1

// InflightBytes returns the size of one ring's region in the memory that tells which chains are in flight, in
// bytes: a multiple of 64, so that regions of several rings follow each other.
//
//	split    features 64 | version 16, entries 16, last batch 16, used index 16 | entry ...
//	  entry  in flight 8, - 40, next 16 | counter 64
//	packed   features 64 | version 16, entries 16, free 16, old free 16 |
//	         used index 16, old used index 16, used wrap 8, old used wrap 8, - 16 | - 64 (5 used by none) ...
//	  entry  in flight 8, - 8, next 16, last 16, number 16 | counter 64 | id 16, flags 16, length 32 | address 64
//
// All of it is in the byte order of the processor. Source: vhost-user specification, "Inflight I/O tracking".
func InflightBytes(packed bool, size int) int {
	header, entry := splitFlightHeader, splitFlightEntry
	if packed {
		header, entry = packedFlightHeader, packedFlightEntry
	}
	return (header + entry*size + 63) &^ 63
}

// Sizes in bytes of the parts of a region.
const (
	splitFlightHeader  = 16
	splitFlightEntry   = 16
	packedFlightHeader = 32
	packedFlightEntry  = 32
)
