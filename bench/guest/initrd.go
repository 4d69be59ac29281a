package guest

import (
	"bytes"
	"fmt"
	"os"
	"path"
)

// A file is one of the first file system's.
type file struct {
	name string // path without the leading slash
	data []byte // nil: a folder
}

// archive writes files as the kernel reads its first file system: cpio in the format "newc"
// (buffer-format.rst of the kernel's documentation). Folders come before what is in them.
func archive(files []file) []byte {
	var out bytes.Buffer
	for i, f := range append(files, file{name: "TRAILER!!!"}) {
		mode := 0o100755 // an ordinary file, executable
		if f.data == nil {
			mode = 0o040755
		}
		// Magic, inode, mode, uid, gid, links, mtime, size, device, rdevice (2 numbers each), length of the name with
		// the zero behind it, checksum (not in this format).
		fmt.Fprintf(&out, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
			i+1, mode, 0, 0, 1, 0, len(f.data), 0, 0, 0, 0, len(f.name)+1, 0, f.name)
		align(&out)
		out.Write(f.data)
		align(&out)
	}
	return out.Bytes()
}

// align fills up to a multiple of 4.
func align(b *bytes.Buffer) {
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
}

// initrd returns the first file system: the init program and the kernel's modules, which are files.
func initrd(program []byte, modules []string) ([]byte, error) {
	files := []file{{"init", program}, {"modules", nil}}
	for _, m := range modules {
		data, err := os.ReadFile(m)
		if err != nil {
			return nil, err
		}
		files = append(files, file{"modules/" + path.Base(m), data})
	}
	return archive(files), nil
}
