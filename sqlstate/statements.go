package sqlstate

import (
	"errors"
	"strconv"
	"strings"
)

// statements are all that run after Migrate. Each is one round trip, atomic by itself, and finds its rows by a key or
// an index.
type statements struct {
	load, keep, replace, remove            *statement // of entries, with sealed or opaque values
	revoke                                 *statement
	entries                                [entriesSizes]*statement // for 1, 2, 4, … keys
	lease, release                         *statement
	enlist, markUsed, delist, listed, trim *statement
	purgeEntries, purgeLists               *statement
}

// entriesSizes limits a statement to 2^(n-1) keys.
const entriesSizes = 6

// Texts that are the same in all dialects.
const (
	loadText    = `SELECT value FROM {entries} WHERE k = $1 AND ends > {now}`
	replaceText = `UPDATE {entries} SET value = $2, ends = {now} + $3 WHERE k = $1 AND ends > {now}`
	removeText  = `DELETE FROM {entries} WHERE k = $1`
	entriesText = `SELECT k, number, value FROM {entries} WHERE ends > {now} AND k IN `
	releaseText = `DELETE FROM {entries} WHERE k = $1 AND value = $2`
	delistText  = `DELETE FROM {lists} WHERE owner = $1 AND item = $2`
	listedText  = `SELECT item FROM {lists} WHERE owner = $1 AND ends > {now} ORDER BY ends DESC LIMIT $2`
)

// texts are those that differ.
type texts struct{ keep, revoke, lease, enlist, markUsed, trim, purgeEntries, purgeLists string }

// newTexts returns the texts of PostgreSQL and SQLite, or those of MySQL. A lease and a used key are taken if the row
// is new or has expired. For both, PostgreSQL and SQLite report a row; MySQL reports what [taken] reads.
func newTexts(d Dialect) texts {
	const (
		entry = `INSERT INTO {entries} AS e (k, value, ends) VALUES ($1, $2, {now} + $3) ON CONFLICT (k) DO UPDATE `
		item  = `INSERT INTO {lists} AS l (owner, item, ends) VALUES ($1, $2, {now} + $3) ` +
			`ON CONFLICT (owner, item) DO UPDATE `
	)
	greatest, all, locked := "greatest", "", " FOR UPDATE SKIP LOCKED"
	switch d {
	case MySQL:
		return mySQLTexts()
	case SQLite:
		greatest, all, locked = "max", "LIMIT -1 ", ""
	}
	return texts{
		keep: entry + `SET value = excluded.value, ends = excluded.ends`,
		revoke: `INSERT INTO {entries} AS e (k, number, ends) VALUES ($1, $2, {now} + $3) ON CONFLICT (k) DO UPDATE ` +
			`SET number = CASE WHEN e.ends > {now} THEN ` + greatest + `(e.number, excluded.number) ` +
			`ELSE excluded.number END, ends = ` + greatest + `(e.ends, excluded.ends)`,
		lease:    entry + `SET value = excluded.value, ends = excluded.ends WHERE e.ends <= {now}`,
		enlist:   item + `SET ends = excluded.ends`,
		markUsed: item + `SET ends = excluded.ends WHERE l.ends <= {now}`,
		trim: `DELETE FROM {lists} WHERE owner = $1 AND item IN ` +
			`(SELECT item FROM {lists} WHERE owner = $1 ORDER BY ends DESC ` + all + `OFFSET $2)`,
		purgeEntries: `DELETE FROM {entries} WHERE k IN ` +
			`(SELECT k FROM {entries} WHERE ends <= {now} ORDER BY ends LIMIT $1` + locked + `)`,
		purgeLists: `DELETE FROM {lists} WHERE (owner, item) IN ` +
			`(SELECT owner, item FROM {lists} WHERE ends <= {now} ORDER BY ends LIMIT $1` + locked + `)`,
	}
}

// mySQLTexts uses VALUES(column), which MariaDB knows too. MySQL assigns the columns one after the other, so ends comes
// last.
func mySQLTexts() texts {
	const (
		entry = `INSERT INTO {entries} (k, value, ends) VALUES ($1, $2, {now} + $3) ON DUPLICATE KEY UPDATE `
		item  = `INSERT INTO {lists} (owner, item, ends) VALUES ($1, $2, {now} + $3) ON DUPLICATE KEY UPDATE `
		take  = `IF(last_insert_id(IF(ends <= {now}, 1, 2)) = 1, `
	)
	return texts{
		keep: entry + `value = VALUES(value), ends = VALUES(ends)`,
		revoke: `INSERT INTO {entries} (k, number, ends) VALUES ($1, $2, {now} + $3) ON DUPLICATE KEY UPDATE ` +
			`number = IF(ends > {now}, greatest(number, VALUES(number)), VALUES(number)), ` +
			`ends = greatest(ends, VALUES(ends))`,
		lease: entry + `value = ` + take + `VALUES(value), value), ` +
			`ends = IF(ends <= {now}, VALUES(ends), ends)`,
		enlist:   item + `ends = VALUES(ends)`,
		markUsed: item + `ends = ` + take + `VALUES(ends), ends)`,
		trim: `DELETE l FROM {lists} l JOIN (SELECT item FROM {lists} WHERE owner = $1 ORDER BY ends DESC ` +
			`LIMIT 18446744073709551615 OFFSET $2) surplus ON surplus.item = l.item WHERE l.owner = $1`,
		purgeEntries: `DELETE FROM {entries} WHERE ends <= {now} ORDER BY ends LIMIT $1`,
		purgeLists:   `DELETE FROM {lists} WHERE ends <= {now} ORDER BY ends LIMIT $1`,
	}
}

// newStatements prepares nothing: the database need not be up.
func newStatements(d Dialect, n names) statements {
	t := newTexts(d)
	repeatable := func(text string) *statement { return &statement{compiled: compile(d, n, text), repeatable: true} }
	once := func(text string) *statement { return &statement{compiled: compile(d, n, text)} }
	s := statements{
		load: repeatable(loadText), keep: repeatable(t.keep), replace: repeatable(replaceText),
		remove: repeatable(removeText), revoke: repeatable(t.revoke),
		lease: once(t.lease), release: repeatable(releaseText),
		enlist: repeatable(t.enlist), markUsed: once(t.markUsed), delist: repeatable(delistText),
		listed: repeatable(listedText), trim: repeatable(t.trim),
		purgeEntries: once(t.purgeEntries), purgeLists: once(t.purgeLists),
	}
	for i := range s.entries {
		s.entries[i] = repeatable(entriesText + list(1<<i))
	}
	return s
}

// list returns "($1, $2, …)".
func list(n int) string {
	placeholders := make([]string, n)
	for i := range placeholders {
		placeholders[i] = "$" + strconv.Itoa(i+1)
	}
	return "(" + strings.Join(placeholders, ", ") + ")"
}

func (s *statements) close() error {
	all := append(s.entries[:], s.load, s.keep, s.replace, s.remove, s.revoke, s.lease, s.release, s.enlist,
		s.markUsed, s.delist, s.listed, s.trim, s.purgeEntries, s.purgeLists)
	var problems []error
	for _, one := range all {
		if stmt := one.prepared.Swap(nil); stmt != nil {
			problems = append(problems, stmt.Close())
		}
	}
	return errors.Join(problems...)
}
