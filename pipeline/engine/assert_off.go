//go:build !assert

package engine

func assert(bool, string) {}
