// Package bench measures the plugin next to a hand-written limit and to what apps use otherwise, and writes
// docs/performance.md and docs/performance-growth.md with their plots:
//
//	go -C bench test -count 1 -timeout 30m -run TestReport -write
//
// All that is compared in a table is measured in one run, in many short rounds that take turns, so that a busy machine
// slows down all of them alike. The tables have the least of the rounds, and ratios of it.
package bench
