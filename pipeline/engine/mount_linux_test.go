package engine

import "syscall"

// mountMemory mounts a file system of a megabyte in memory; done takes it away again. It fails where that is not allowed.
func mountMemory(path string) (done func() error, err error) {
	return func() error { return syscall.Unmount(path, 0) }, syscall.Mount("tmpfs", path, "tmpfs", 0, "size=1m")
}
