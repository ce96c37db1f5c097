-- Sessions, revocations, leases and kept values. Times are microseconds since 1970.
CREATE TABLE ginoidc_entries (
	k text COLLATE "C" PRIMARY KEY,
	number bigint NOT NULL DEFAULT 0,
	value bytea,
	ends bigint NOT NULL
);
-- Sealed values cannot be compressed.
ALTER TABLE ginoidc_entries ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE INDEX ginoidc_entries_ends ON ginoidc_entries (ends);
-- The sessions of a user, and what may be used once.
CREATE TABLE ginoidc_lists (
	owner text COLLATE "C" NOT NULL,
	item text COLLATE "C" NOT NULL,
	ends bigint NOT NULL,
	PRIMARY KEY (owner, item)
);
CREATE INDEX ginoidc_lists_ends ON ginoidc_lists (ends);
