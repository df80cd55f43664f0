package pgstore

// version is that of the tables below. Instances of another version cannot live
// with them.
const version = 3

// tables makes them anew: nothing is kept of a version before the first release.
// What is new after it comes as a step of its own from version to version. {s} is
// the schema, {server} the server's clock.
//
// Times are milliseconds since 1970. 0: zero. The greatest begun_by, and then the
// greatest issued_by: any.
const tables = `
DROP TABLE IF EXISTS {s}.session, {s}.session_ref, {s}.tombstone, {s}.once, {s}.lease, {s}.ref_lock, {s}.change;
DROP SEQUENCE IF EXISTS {s}.fence;
DELETE FROM {s}.migration;

CREATE TABLE {s}.session (
	key       bytea PRIMARY KEY,
	owner     bytea  NOT NULL,
	version   bigint NOT NULL,
	begun     bigint NOT NULL,
	issued    bigint NOT NULL,
	active    bigint NOT NULL,
	due       bigint NOT NULL,
	refs      bytea  NOT NULL, -- one after the other
	sealed    bytea  NOT NULL,
	reason    text   NOT NULL, -- empty: it lives
	end_at    bigint NOT NULL,
	end_until bigint NOT NULL
) WITH (fillfactor = 80);
-- Sealed bytes cannot be compressed, and out of line a touch does not copy them.
ALTER TABLE {s}.session ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE INDEX session_due ON {s}.session (owner, due) WHERE due > 0;
CREATE INDEX session_abandoned ON {s}.session (due) WHERE due > 0 AND reason = '';
CREATE INDEX session_end ON {s}.session (end_until) WHERE end_until > 0;

CREATE TABLE {s}.session_ref ( -- of live sessions
	ref bytea NOT NULL,
	key bytea NOT NULL,
	PRIMARY KEY (ref, key)
);

CREATE TABLE {s}.tombstone (
	ref       bytea  NOT NULL,
	begun_by  bigint NOT NULL,
	issued_by bigint NOT NULL,
	until     bigint NOT NULL,
	PRIMARY KEY (ref, begun_by, issued_by)
);
CREATE INDEX tombstone_until ON {s}.tombstone (until);

CREATE TABLE {s}.once (
	id    bytea PRIMARY KEY,
	until bigint NOT NULL
);
CREATE INDEX once_until ON {s}.once (until);

CREATE TABLE {s}.lease (
	id    bytea PRIMARY KEY,
	fence bigint NOT NULL,
	until bigint NOT NULL
);
CREATE INDEX lease_until ON {s}.lease (until);
CREATE SEQUENCE {s}.fence;

CREATE TABLE {s}.ref_lock (n int PRIMARY KEY);

-- What Watch reports. A crash of the server may empty it: that ends every Watch.
CREATE UNLOGGED TABLE {s}.change (
	seq     bigint GENERATED ALWAYS AS IDENTITY, -- drawn while the session's row is locked
	xid     xid8   NOT NULL DEFAULT pg_current_xact_id(),
	at      bigint NOT NULL DEFAULT {server},
	key     bytea  NOT NULL,
	version bigint NOT NULL,
	reason  text   NOT NULL -- empty: it lives
);
CREATE INDEX change_xid ON {s}.change (xid);
`

// tableNames are those that the role of an app needs every right on.
var tableNames = []string{"session", "session_ref", "tombstone", "once", "lease", "ref_lock", "change"}
