// Package mem is the memory of a guest as its frontend shares it: regions of files, mapped here, found by the
// guest's physical addresses or by the frontend's own.
//
//	guest-physical   0        1G                4G      5G
//	                 | region |       hole      | region |
//	mapped here      [ Mapping ]                [ Mapping ]
//
// A [Table] is an immutable snapshot of what is mapped; a change makes a new one that shares the mappings, and
// a mapping goes when the last table that has it is closed. A [Window] is one queue's way into a table: it
// remembers the region used last, so that a look-up is a comparison. [Log] is the bitmap of pages written to,
// for a guest that is being migrated. [IOTLB] is what is known of an IOMMU between the device and the memory.
//
// Everything a frontend says is checked where it comes in: no sum of its numbers wraps around, a region is no
// longer than its file, regions do not overlap. What cannot be checked then is that the file keeps its length.
// A load from a page that is gone raises SIGBUS; a goroutine that works on guest memory has
// debug.SetPanicOnFault set, and [Table.Fault] tells such a panic from any other.
//
// Slices that this package hands out are valid until the table they come from is closed. What is in them
// changes at any time: read it once, check what was read, use that.
//
// Source: vhost-user specification (QEMU, docs/interop/vhost-user), "Memory access", "Migration" and "IOMMU support".
package mem
