//go:build assert

package broker

// poison makes the use of released memory visible in tests.
func poison(b []byte) {
	for i := range b {
		b[i] = 0xdb
	}
}
