package mem

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// Map maps a region of the file fd, shared and writable. The descriptor remains the caller's, who may close it
// at once. It is an error when the file is shorter than the region says, or not an ordinary file whose pages this kernel
// has (memfds, tmpfs, hugetlbfs and local disks).
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
	page, err := checkFile(fd, offset+size)
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

// InMemory reports whether fd is a file of memory (tmpfs, hugetlbfs), the only ones with seals. It asks nobody but the kernel.
func InMemory(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	return err == nil
}

// CheckKind reports why no part of fd can be mapped, whatever the file's size. It asks whoever has the file, who may never
// answer; if it returns nil, that is the kernel.
func CheckKind(fd int) error {
	_, _, err := kind(fd)
	return err
}

// kind returns what the kernel says of fd and of its file system, if it is one that can be mapped.
func kind(fd int) (st unix.Stat_t, fs unix.Statfs_t, err error) {
	if err := unix.Fstat(fd, &st); err != nil {
		return st, fs, fmt.Errorf("fstat: %w", err)
	}
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return st, fs, fmt.Errorf("fstatfs: %w", err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return st, fs, fmt.Errorf("not a file of memory, its mode is %#o", st.Mode)
	case !local(int64(fs.Type)):
		return st, fs, fmt.Errorf("a file whose pages may come from elsewhere (file system %#x): want one of memory or of a local disk", fs.Type)
	}
	return st, fs, nil
}

// checkFile reports why the bytes of fd before end cannot be mapped, and returns the size of the file's pages in bytes.
func checkFile(fd int, end uint64) (page uint64, err error) {
	st, fs, err := kind(fd)
	switch {
	case err != nil:
		return 0, err
	case st.Size < 0 || uint64(st.Size) < end:
		return 0, fmt.Errorf("the file has %#x bytes", st.Size)
	case fs.Type != unix.HUGETLBFS_MAGIC:
		return uint64(unix.Getpagesize()), nil
	case st.Blksize <= 0 || st.Blksize&(st.Blksize-1) != 0:
		return 0, fmt.Errorf("hugetlbfs with pages of %d bytes", st.Blksize)
	}
	return uint64(max(int64(unix.Getpagesize()), int64(st.Blksize))), nil
}

// local reports whether the kernel itself has the pages of files on a file system of this kind, in memory or on a disk.
// Those of others are whose owner hands them out (FUSE, which users may mount in a namespace of their own, or a network):
// a worker that touches one would wait in the kernel for as long as that one likes.
func local(kind int64) bool {
	switch kind {
	case unix.TMPFS_MAGIC, unix.HUGETLBFS_MAGIC, unix.RAMFS_MAGIC, unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC:
		return true
	}
	return false
}

// unmap gives the mapping's addresses back.
func (m *Mapping) unmap() error {
	if m.whole == nil {
		return nil
	}
	err := unix.Munmap(m.whole)
	m.whole, m.bytes = nil, nil
	m.space.give(m.region.Size)
	return err
}
