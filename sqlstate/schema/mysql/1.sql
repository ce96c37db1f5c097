-- Sessions, revocations, leases and kept values. Times are microseconds since 1970.
CREATE TABLE IF NOT EXISTS ginoidc_entries (
	k varbinary(160) NOT NULL PRIMARY KEY,
	number bigint NOT NULL DEFAULT 0,
	value mediumblob,
	ends bigint NOT NULL,
	KEY ginoidc_entries_ends (ends)
) ENGINE=InnoDB;
-- The sessions of a user, and what may be used once.
CREATE TABLE IF NOT EXISTS ginoidc_lists (
	owner varbinary(160) NOT NULL,
	item varbinary(160) NOT NULL,
	ends bigint NOT NULL,
	PRIMARY KEY (owner, item),
	KEY ginoidc_lists_ends (ends)
) ENGINE=InnoDB;
