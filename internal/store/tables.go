// SPDX-License-Identifier: Apache-2.0

package store

// tables are all tables whose rows the log proves, record by record. Findings are proved
// through their events; see verifyfindings.go.
var tables = []table{
	teams, users, tokens, agents, enrolments,
	sources, sourceStates{}, runs, runChecks{}, namespaceTallies{}, checks, gaps,
	waivers, comments, ownershipRules,
	destinations, noticeRules, deliveries,
	changes, changeSightings{}, deployments, changeRules, foldedChanges, confirmations, actors, imageMentions{},
	programs, controlVersions, occurrences, occurrenceStates{}, evidence, evidenceLinks{}, populations, samples,
	readinessDays, actions,
	loggedSettings{}, selfChecks{},
}
