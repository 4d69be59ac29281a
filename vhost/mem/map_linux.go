package mem

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// Map maps a region of the file fd, shared and writable. The descriptor remains the caller's, who may close it
// at once. It is an error when the file is shorter than the region says, or not an ordinary file (memfds,
// tmpfs and hugetlbfs are).
func Map(fd int, r Region) (*Mapping, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	whole, bytes, err := mapFile(fd, r.Offset, r.Size)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", r, err)
	}
	return &Mapping{region: r, whole: whole, bytes: bytes}, nil
}

// mapFile maps size bytes at offset of fd. Mappings begin and end at pages of the file, which on hugetlbfs are
// as large as st_blksize says: whole is all that was mapped, bytes the part that was asked for. The caller has
// seen to it that the end is a file offset.
func mapFile(fd int, offset, size uint64) (whole, bytes []byte, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, nil, fmt.Errorf("fstat: %w", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, nil, fmt.Errorf("not a file of memory, its mode is %#o", st.Mode)
	}
	if st.Size < 0 || uint64(st.Size) < offset+size {
		return nil, nil, fmt.Errorf("the file has %#x bytes", st.Size)
	}
	page, err := pageSize(fd, st.Blksize)
	if err != nil {
		return nil, nil, err
	}
	start := offset &^ (page - 1)
	if offset+size > math.MaxInt64-page {
		return nil, nil, fmt.Errorf("no mapping is that long")
	}
	length := (offset + size - start + page - 1) &^ (page - 1)
	whole, err = unix.Mmap(fd, int64(start), int(length), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		return nil, nil, fmt.Errorf("mmap: %w", err)
	}
	// A core file of the switch is no place for its guests' memory. Kernels that cannot leave it out put it in.
	_ = unix.Madvise(whole, unix.MADV_DONTDUMP)
	from := offset - start
	return whole, whole[from : from+size : from+size], nil
}

// pageSize returns the size of the file's pages in bytes.
func pageSize(fd int, block int64) (uint64, error) {
	page := uint64(unix.Getpagesize())
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return 0, fmt.Errorf("fstatfs: %w", err)
	}
	if fs.Type != unix.HUGETLBFS_MAGIC {
		return page, nil
	}
	if block <= 0 || block&(block-1) != 0 {
		return 0, fmt.Errorf("hugetlbfs with pages of %d bytes", block)
	}
	return max(page, uint64(block)), nil
}

// unmap gives the mapping's addresses back.
func (m *Mapping) unmap() error {
	if m.whole == nil {
		return nil
	}
	err := unix.Munmap(m.whole)
	m.whole, m.bytes = nil, nil
	return err
}
