// SPDX-License-Identifier: Apache-2.0

// Package seaworthy is the domain of Seaworthy: the words of the product as plain
// types and pure rules, with the standard library only.
//
// A [Check] is something looked for in one Kubernetes object or in a whole cluster.
// Where it fails there is a [Finding], one for each offending [Item]. Checks support
// a [Control], which is what the organisation says it does; controls support a
// [Requirement] of a [Framework], which is what an auditor asks. Nothing here ever
// says that a requirement is satisfied: [Cover] counts what was seen.
//
// A [Report] is what one scan prints: it says how it came about (source, catalogue),
// what was judged ([CheckResult]), what was found and what could not be read. What is
// missing, stale or unreadable is never a pass.
package seaworthy
