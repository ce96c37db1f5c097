package main

import (
	"fmt"
	"strconv"
	"strings"
)

// What docs/scaling.md supposes of sessions: one in ten is in use and makes a request every 30 seconds, and as many end
// by a sign-out that is remembered.
const (
	inUse        = 10
	requestEvery = 30
)

// growthFigures returns what so many sessions take, computed from what tests have measured of one.
func growthFigures() (string, error) {
	bytes := map[string]float64{}
	for name, column := range map[string]int{"memory": 1, "redis": 1, "million": 2} {
		rows, err := cells(name)
		if err != nil {
			return "", err
		}
		for _, row := range rows {
			if row[column] == "–" { // not measured
				continue
			}
			if bytes[name+" "+row[0]], err = strconv.ParseFloat(row[column], 64); err != nil {
				return "", fmt.Errorf("%s: %q: %w", testFigures, row, err)
			}
		}
	}
	columns := []string{
		"memory a revocation", "redis a revocation", "million `sqlstate`, PostgreSQL",
		"redis a session of a user in three groups",
	}
	var table strings.Builder
	table.WriteString("| sessions | requests a second | revocations in the process | in Redis | sessions in PostgreSQL " +
		"| in Redis |\n| --- | --- | --- | --- | --- | --- |\n")
	for sessions := 100_000; sessions <= 100_000_000; sessions *= 10 {
		fmt.Fprintf(&table, "| %d | %d |", sessions, sessions/inUse/requestEvery)
		for i, column := range columns {
			each := bytes[column]
			if each == 0 {
				return "", fmt.Errorf("%s: no figure of %s", testFigures, column)
			}
			n := sessions
			if i < 2 {
				n /= inUse
			}
			fmt.Fprintf(&table, " %s |", megabytes(float64(n)*each))
		}
		table.WriteString("\n")
	}
	return table.String(), nil
}

// megabytes returns a number of bytes as 9 MB or 38 GB.
func megabytes(bytes float64) string {
	if bytes >= 1e10 {
		return fmt.Sprintf("%.0f GB", bytes/1e9)
	}
	return fmt.Sprintf("%.0f MB", bytes/1e6)
}
