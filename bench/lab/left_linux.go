package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Left waits for up to two seconds until no thread of any process is in one of the namespaces, given by
// inode, and returns what then still is: "process 123 (name) in namespace 4026531840".
func Left(inodes []uint64) []string {
	var left []string
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if left = inside(inodes); len(left) == 0 || time.Now().After(end) {
			return left
		}
	}
}

// inside returns the threads that are in one of the namespaces.
func inside(inodes []uint64) (found []string) {
	tasks, _ := filepath.Glob("/proc/[0-9]*/task/[0-9]*/ns/net")
	for _, t := range tasks {
		name, err := os.Readlink(t)
		if err != nil {
			continue // it has ended
		}
		inode, err := strconv.ParseUint(strings.Trim(strings.TrimPrefix(name, "net:"), "[]"), 10, 64)
		if err != nil || !slices.Contains(inodes, inode) {
			continue
		}
		pid := strings.Split(t, "/")[2]
		comm, _ := os.ReadFile(filepath.Join("/proc", pid, "comm"))
		found = append(found, fmt.Sprintf("process %s (%s) in namespace %d", pid, strings.TrimSpace(string(comm)), inode))
	}
	return slices.Compact(found)
}
