-- Sessions, revocations, leases and kept values. Times are microseconds since 1970.
CREATE TABLE ginoidc_entries (
	k text NOT NULL PRIMARY KEY,
	number integer NOT NULL DEFAULT 0,
	value blob,
	ends integer NOT NULL
) WITHOUT ROWID;
CREATE INDEX ginoidc_entries_ends ON ginoidc_entries (ends);
-- The sessions of a user, and what may be used once.
CREATE TABLE ginoidc_lists (
	owner text NOT NULL,
	item text NOT NULL,
	ends integer NOT NULL,
	PRIMARY KEY (owner, item)
) WITHOUT ROWID;
CREATE INDEX ginoidc_lists_ends ON ginoidc_lists (ends);
