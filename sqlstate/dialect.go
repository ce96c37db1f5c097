package sqlstate

import (
	"strconv"
	"strings"
)

// Dialect is a kind of database. It is set and not guessed from the driver, which may be wrapped.
type Dialect string

// The supported dialects. MySQL includes MariaDB.
const (
	PostgreSQL Dialect = "postgres"
	MySQL      Dialect = "mysql"
	SQLite     Dialect = "sqlite"
)

func (d Dialect) known() bool { return d == PostgreSQL || d == MySQL || d == SQLite }

// now is the database's own clock at the start of the statement, in microseconds since 1970. All instances share it.
// MySQL's does not pass through a time zone, in which an hour occurs twice a year.
func (d Dialect) now() string {
	switch d {
	case PostgreSQL:
		return "(extract(epoch FROM statement_timestamp()) * 1000000)::bigint"
	case MySQL:
		return "timestampdiff(MICROSECOND, '1970-01-01', utc_timestamp(6))"
	default:
		return "CAST(unixepoch('subsec') * 1000000 AS integer)"
	}
}

// names are those of the tables.
type names struct{ prefix, qualifier string }

func newNames(d Dialect, schema, prefix string) names {
	n := names{prefix: prefix}
	switch {
	case schema == "":
	case d == MySQL:
		n.qualifier = "`" + schema + "`."
	default:
		n.qualifier = `"` + schema + `".`
	}
	return n
}

func (n names) table(name string) string { return n.qualifier + n.prefix + name }

// compiled is a statement for the driver: the text, and which argument each placeholder takes.
type compiled struct {
	text  string
	order []int
}

// compile replaces {now} and the names of tables in braces, and numbers the placeholders as the dialect does. $1 may
// occur several times.
func compile(d Dialect, n names, text string) compiled {
	text = strings.NewReplacer(
		"{now}", d.now(), "{entries}", n.table("entries"), "{lists}", n.table("lists"), "{version}", n.table("version"),
	).Replace(text)
	var c compiled
	var b strings.Builder
	highest := 0
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			break
		}
		digits := len(after) - len(strings.TrimLeft(after, "0123456789"))
		number, _ := strconv.Atoi(after[:digits])
		highest = max(highest, number)
		if text = after[digits:]; d == PostgreSQL {
			b.WriteString("$" + after[:digits])
			continue
		}
		b.WriteByte('?')
		c.order = append(c.order, number-1)
	}
	if d == PostgreSQL {
		for i := range highest {
			c.order = append(c.order, i)
		}
	}
	c.text = b.String()
	return c
}

// args returns the arguments in the order of the placeholders.
func (c compiled) args(args []any) []any {
	ordered := make([]any, len(c.order))
	for i, at := range c.order {
		ordered[i] = args[at]
	}
	return ordered
}
