package pipeline

import (
	"errors"
	"fmt"
)

// Error is an error that reaches a user: what went wrong, with which thing, why, and what to do,
// ending in a stable code in parentheses. The text may change between versions, the code may not.
// An impossible state starts with "BUG:".
type Error struct {
	// Code is stable, lower case and dotted: subject.setting.fault.
	Code string
	err  error
}

// Errorf makes an Error. The format follows fmt.Errorf, %w included; the code is appended to the text.
func Errorf(code, format string, args ...any) error {
	return &Error{Code: code, err: fmt.Errorf(format, args...)}
}

// Error returns the text with its code at the end.
func (e *Error) Error() string { return e.err.Error() + " (" + e.Code + ")" }

// Unwrap returns what the text wraps.
func (e *Error) Unwrap() error { return errors.Unwrap(e.err) }

// Message returns the text without the code.
func (e *Error) Message() string { return e.err.Error() }

// Code returns the code of the outermost Error in err's chain, or "" if there is none.
func Code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Unavailable wraps what Codec.Decode returns when it can't tell now what a record is, because something outside that it needs, as
// a schema registry, can't be reached or does not answer as it should. It says nothing about the record: the caller keeps it and
// tries again later. A lane waits for as long as it takes, so that nothing is lost; Decode itself must not block for longer than a
// few seconds.
type Unavailable struct{ Err error }

// Error returns the text of what it wraps.
func (u *Unavailable) Error() string { return u.Err.Error() }

// Unwrap returns what it wraps.
func (u *Unavailable) Unwrap() error { return u.Err }
