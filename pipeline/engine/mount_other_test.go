//go:build !linux

package engine

import "errors"

func mountMemory(string) (done func() error, err error) { return nil, errors.ErrUnsupported }
