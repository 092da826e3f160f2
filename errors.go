// SPDX-License-Identifier: Apache-2.0

package seaworthy

import "fmt"

// Kind is what sort of trouble an [Error] is; doors translate it to an exit code or a
// status.
type Kind int

// The kinds of trouble that users are told of.
const (
	KindInternal        Kind = iota
	KindInvalid              // the input or the command line is wrong
	KindNotFound             // what was asked for is not there
	KindForbidden            // the identity used has no right to it
	KindUnavailable          // something else that is needed does not answer
	KindConflict             // it was changed in between, or is there already
	KindUnauthenticated      // nobody is signed in
)

// Error is the only error whose text is shown to users as it is.
type Error struct {
	Kind    Kind
	Message string
	Err     error
}

// Error tells what, where and what to do.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap gives the cause, or nil.
func (e *Error) Unwrap() error { return e.Err }

// Invalid makes an [Error] of [KindInvalid].
func Invalid(format string, args ...any) *Error {
	return &Error{Kind: KindInvalid, Message: fmt.Sprintf(format, args...)}
}

// NotFound makes an [Error] of [KindNotFound].
func NotFound(format string, args ...any) *Error {
	return &Error{Kind: KindNotFound, Message: fmt.Sprintf(format, args...)}
}

// Forbidden makes an [Error] of [KindForbidden].
func Forbidden(format string, args ...any) *Error {
	return &Error{Kind: KindForbidden, Message: fmt.Sprintf(format, args...)}
}

// Conflict makes an [Error] of [KindConflict].
func Conflict(format string, args ...any) *Error {
	return &Error{Kind: KindConflict, Message: fmt.Sprintf(format, args...)}
}
