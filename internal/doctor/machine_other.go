//go:build !linux && !darwin

package doctor

// What this system does not tell in a way that is known here is not looked at.

func writable(string) error { return nil }

func freeBytes(string) (int64, bool) { return 0, false }

func fileLimit() (uint64, bool) { return 0, false }
