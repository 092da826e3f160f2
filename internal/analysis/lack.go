// SPDX-License-Identifier: Apache-2.0

package analysis

// LackError says that the data about one object is not there or too old: the check did not
// judge it. Given to [Reporter].Error with the object it is no error of the input; the
// object is in the report as left out, and nothing that was found in it before closes.
type LackError struct{ Reason string }

// Error implements error.
func (e *LackError) Error() string { return e.Reason }
