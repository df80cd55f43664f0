package pgstore

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/tandem-sso/tandem/rp/store"
)

// statements are the SQL of a Store. All of them count on READ COMMITTED: each
// statement sees what was committed when it starts, and a row that it has to wait
// for is looked at again.
//
// Locks are on rows, because every role may take advisory locks. They are taken in
// this order: rows of ref_lock by rising number, then rows of session, several of
// them by rising key. Create, End of a reference, and a Replace that changes
// references have the row of each of these references alone.
type statements struct {
	load, list, create, replace, rerefer, touch, settle string
	lock, fillLocks, bury, endRef, endKey               string
	claim, count, once, acquire, lease                  string
	changes, rights, listen, notify                     string
	forget                                              []string
	forgetChanges                                       string
}

// lockRows is how many rows ref_lock has. References that share one are merely
// slower.
const lockRows = 4096

// forgetLimit is how many rows of each kind one transaction forgets.
const forgetLimit = 1000

var (
	nowArg     = regexp.MustCompile(`\{now (\d+)\}`)
	forbidsArg = regexp.MustCompile(`\{forbids (\S+) (\S+)\}`)
)

// forbids is the rule of rp/store/internal/storekit's Tombstone, which is t, for a session
// that was begun then and whose ID token was issued then.
const forbids = "(t.begun_by >= ${1}::bigint OR ${2}::bigint > 0 AND t.issued_by > ${2})"

// server is the server's clock; not clock_timestamp(), which the planner will not
// look up in an index.
const server = "floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint"

// fill puts a schema, and what several statements have in common, into SQL.
func fill(schema, sql string) string {
	sql = strings.NewReplacer(
		"{s}", schema,
		"{channel}", schema+"_changes",
		"{server}", server,
		"{limit}", strconv.Itoa(forgetLimit),
		"{abandoned}", strconv.FormatInt(store.Abandoned.Milliseconds(), 10),
		// Of a session that hit has: its columns, and its references one by one.
		"{hit.*}", fmt.Sprintf(columnList, "hit"),
		"{s.*}", fmt.Sprintf(columnList, "s"),
		"{hit.refs}", `(SELECT hit.key, substring(hit.refs FROM 1 + 32 * i FOR 32) AS ref
	FROM hit, (VALUES (0), (1), (2), (3), (4), (5), (6), (7)) n (i) WHERE 32 * i < length(hit.refs))`,
	).Replace(sql)
	sql = forbidsArg.ReplaceAllString(sql, forbids)
	return nowArg.ReplaceAllString(sql, "coalesce($$$1::bigint, "+server+")") // the argument unless it is NULL
}

func newStatements(schema string) *statements {
	q := func(sql string) string { return fill(schema, sql) }
	return &statements{
		load: q(`SELECT {s.*} FROM {s}.session s WHERE s.key = $1`),

		list: q(`SELECT {s.*} FROM {s}.session_ref r JOIN {s}.session s ON s.key = r.key WHERE r.ref = $1 AND s.reason = ''`),

		// 1 numbers, 2 how many. It fails by 22012, division by zero, if one is missing.
		lock: q(`
SELECT 1 / (count(*) / $2::bigint) FROM (SELECT FROM {s}.ref_lock WHERE n = ANY ($1::int[]) ORDER BY n FOR UPDATE) l`),

		// 1 how many.
		fillLocks: q(`INSERT INTO {s}.ref_lock SELECT generate_series(0, $1::int - 1) ON CONFLICT DO NOTHING`),

		// 1 now, 2 key, 3 begun, 4 active, 5 due, 6 refs joined, 7 refs, 8 sealed, 9 owner, 10 issued.
		// What is forgotten gives way.
		create: q(`
WITH tomb AS (
	SELECT FROM {s}.tombstone t WHERE ref = ANY ($7::bytea[]) AND until >= {now 1} AND {forbids $3 $10} LIMIT 1
), made AS (
	INSERT INTO {s}.session AS s (key, owner, version, begun, issued, active, due, refs, sealed, reason, end_at, end_until)
	SELECT $2, $9, 1, $3::bigint, $10, $4, $5, $6, $8, '', 0, 0 WHERE NOT EXISTS (SELECT FROM tomb)
	ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, version = 1, begun = excluded.begun,
		issued = excluded.issued, active = excluded.active, due = excluded.due,
		refs = excluded.refs, sealed = excluded.sealed, reason = '', end_at = 0, end_until = 0
	WHERE s.reason <> '' AND s.end_until < {now 1}
	RETURNING key
), found AS (
	INSERT INTO {s}.session_ref SELECT unnest($7::bytea[]), key FROM made ON CONFLICT DO NOTHING
)
SELECT CASE WHEN EXISTS (SELECT FROM made) THEN 'ok' WHEN EXISTS (SELECT FROM tomb) THEN 'ended' ELSE 'conflict' END`),

		// 1 now, 2 key, 3 version, 4 active, 5 due, 6 refs joined, 7 sealed.
		// References that change need their locks first: 'refs', and rerefer.
		replace: q(`
WITH cur AS (
	SELECT s.version, s.reason, s.end_until, s.refs FROM {s}.session s WHERE s.key = $2 FOR UPDATE
), made AS (
	UPDATE {s}.session s SET version = s.version + 1, sealed = $7, active = greatest(s.active, $4::bigint),
		due = CASE WHEN s.active > $4 THEN s.due ELSE $5 END
	FROM cur WHERE s.key = $2 AND cur.reason = '' AND cur.version = $3 AND cur.refs = $6
	RETURNING s.key, s.version
), told AS (
	INSERT INTO {s}.change (key, version, reason) SELECT key, version, '' FROM made
)
SELECT CASE WHEN EXISTS (SELECT FROM made) THEN 'ok'
	WHEN cur.reason <> '' AND cur.end_until < {now 1} THEN 'absent'
	WHEN cur.reason <> '' THEN 'ended' WHEN cur.version <> $3 THEN 'conflict' ELSE 'refs' END FROM cur`),

		// The same, and 8 refs.
		rerefer: q(`
WITH hit AS (
	SELECT s.key, s.version, s.reason, s.end_until, s.refs, s.begun, s.issued FROM {s}.session s WHERE s.key = $2 FOR UPDATE
), tomb AS (
	SELECT FROM hit, {s}.tombstone t WHERE t.ref = ANY ($8::bytea[]) AND t.until >= {now 1} AND {forbids hit.begun hit.issued}
		AND NOT EXISTS (SELECT FROM {s}.session_ref r WHERE r.ref = t.ref AND r.key = $2) LIMIT 1
), made AS (
	UPDATE {s}.session s SET version = s.version + 1, sealed = $7, active = greatest(s.active, $4::bigint),
		due = CASE WHEN s.active > $4 THEN s.due ELSE $5 END, refs = $6
	FROM hit WHERE s.key = $2 AND hit.reason = '' AND hit.version = $3 AND NOT EXISTS (SELECT FROM tomb)
	RETURNING s.key, s.version
), told AS (
	INSERT INTO {s}.change (key, version, reason) SELECT key, version, '' FROM made
), lost AS (
	DELETE FROM {s}.session_ref r USING made, {hit.refs} o
	WHERE r.key = made.key AND r.ref = o.ref AND o.ref <> ALL ($8::bytea[])
), won AS (
	INSERT INTO {s}.session_ref SELECT unnest($8::bytea[]), key FROM made ON CONFLICT DO NOTHING
)
SELECT CASE WHEN EXISTS (SELECT FROM made) THEN 'ok'
	WHEN hit.reason <> '' AND hit.end_until < {now 1} THEN 'absent'
	WHEN hit.reason <> '' THEN 'ended' WHEN hit.version <> $3 THEN 'conflict' ELSE 'ended' END FROM hit`),

		// 1 now, 2 key, 3 active, 4 due. 'again': it changed in between. A touch need
		// not wait for the disk.
		touch: q(`
WITH cur AS (
	SELECT s.active, s.reason, s.end_until FROM {s}.session s WHERE s.key = $2
), made AS (
	UPDATE {s}.session s SET active = $3, due = $4 WHERE s.key = $2 AND s.reason = '' AND s.active < $3
	RETURNING set_config('synchronous_commit', 'off', true)
)
SELECT CASE WHEN EXISTS (SELECT FROM made) THEN 'ok'
	WHEN cur.reason <> '' AND cur.end_until < {now 1} THEN 'absent'
	WHEN cur.reason <> '' THEN 'ended' WHEN cur.active >= $3 THEN 'ok' ELSE 'again' END FROM cur`),

		// 1 now, 2 key, 3 sealed, 4 due.
		settle: q(`
UPDATE {s}.session s SET sealed = $3, due = $4 WHERE s.key = $2 AND s.reason <> '' AND s.end_until >= {now 1}
RETURNING 'ok'`),

		// 1 now, 2 ref, 3 begun by, 4 issued by, 5 until (all three of the tombstone).
		// Those that it makes superfluous go.
		bury: q(`
WITH covered AS (
	DELETE FROM {s}.tombstone WHERE ref = $2 AND begun_by <= $3 AND issued_by <= $4 AND until <= $5
		AND (begun_by, issued_by) <> ($3, $4)
)
INSERT INTO {s}.tombstone AS t SELECT $2, $3::bigint, $4::bigint, $5::bigint WHERE $5 >= {now 1}
ON CONFLICT (ref, begun_by, issued_by) DO UPDATE SET until = greatest(t.until, excluded.until)`),

		// 1 ref, 2 begun by, 3 issued by or 0, 4 reason, 5 at, 6 until. See store.Selector.Covers.
		endRef: q(`
WITH hit AS (
	SELECT {s.*} FROM {s}.session s WHERE s.key IN (SELECT r.key FROM {s}.session_ref r WHERE r.ref = $1)
		AND s.reason = '' AND CASE WHEN $3::bigint > 0 THEN s.issued <= $3 ELSE s.begun <= $2 END ORDER BY s.key FOR UPDATE
), made AS (
	UPDATE {s}.session s SET reason = $4, end_at = $5, end_until = $6, due = $5 FROM hit WHERE s.key = hit.key
), lost AS (
	DELETE FROM {s}.session_ref r USING {hit.refs} o WHERE r.ref = o.ref AND r.key = o.key
), told AS (
	INSERT INTO {s}.change (key, version, reason) SELECT key, version, $4 FROM hit
)
SELECT {hit.*} FROM hit`),

		// 1 key, 2 version or 0, 3 idle since or the greatest, 4 reason, 5 at, 6 until.
		endKey: q(`
WITH hit AS (
	SELECT {s.*} FROM {s}.session s WHERE s.key = $1 AND s.reason = '' AND ($2::bigint = 0 OR s.version = $2)
		AND s.active <= $3 FOR UPDATE
), made AS (
	UPDATE {s}.session s SET reason = $4, end_at = $5, end_until = $6, due = $5 FROM hit WHERE s.key = hit.key
), lost AS (
	DELETE FROM {s}.session_ref r USING {hit.refs} o WHERE r.ref = o.ref AND r.key = o.key
), told AS (
	INSERT INTO {s}.change (key, version, reason) SELECT key, version, $4 FROM hit
)
SELECT {hit.*} FROM hit`),

		// 1 now, 2 owner, 3 overdue at, 4 due from now on, 5 limit.
		claim: q(`
WITH hit AS (
	SELECT {s.*} FROM {s}.session s WHERE s.owner = $2 AND s.due > 0 AND s.due <= $3
		AND (s.reason = '' OR s.end_until >= {now 1})
	ORDER BY s.due LIMIT $5 FOR UPDATE SKIP LOCKED
), made AS (
	UPDATE {s}.session s SET due = $4 FROM hit WHERE s.key = hit.key
)
SELECT {hit.*} FROM hit ORDER BY hit.due`),

		count: q(`SELECT count(*) FROM {s}.session s WHERE s.owner = $1 AND s.due > 0`),

		// 1 now, 2 id, 3 until.
		once: q(`
INSERT INTO {s}.once AS o VALUES ($2, $3) ON CONFLICT (id) DO UPDATE SET until = excluded.until WHERE o.until < {now 1}
RETURNING 'ok'`),

		// 1 now, 2 id, 3 ttl. The number is drawn once the row is locked, so that a
		// later grant has a greater one.
		acquire: q(`
INSERT INTO {s}.lease AS l VALUES ($2, nextval('{s}.fence'), {now 1} + $3)
ON CONFLICT (id) DO UPDATE SET fence = nextval('{s}.fence'), until = {now 1} + $3 WHERE l.until <= {now 1}
RETURNING fence`),

		// 1 now, 2 id, 3 fence, 4 ttl; 0 gives it back.
		lease: q(`UPDATE {s}.lease SET until = {now 1} + $4 WHERE id = $2 AND fence = $3 AND until > {now 1} RETURNING 'ok'`),

		// What has been committed since a snapshot, and a first row with the snapshot of
		// this look. 1 the snapshot of the last look, or empty.
		changes: q(`
WITH last AS (SELECT nullif($1, '')::pg_snapshot AS seen)
SELECT snapshot, at, key, version, reason FROM (
	SELECT 0 AS seq, pg_current_snapshot()::text AS snapshot, {server} AS at, ''::bytea AS key, 0 AS version, '' AS reason
	UNION ALL
	SELECT seq, '', 0, key, version, reason FROM {s}.change
	WHERE xid >= (SELECT pg_snapshot_xmax(seen) FROM last) OR xid = ANY (ARRAY(SELECT pg_snapshot_xip(seen) FROM last))
) news ORDER BY seq`),
		// What of the four rights on each table and of that on the sequence is lacking. 1 tables.
		rights: q(`
SELECT coalesce(string_agg(what || ' on ' || name, ', ' ORDER BY name, what), '') FROM (
	SELECT what, name FROM unnest($1::text[]) name, (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) w (what)
	WHERE NOT has_table_privilege('{s}.' || name, what)
	UNION ALL SELECT 'USAGE', 'fence' WHERE NOT has_sequence_privilege('{s}.fence', 'USAGE')
) lacking`),
		listen: q(`LISTEN "{channel}"`),
		notify: q(`NOTIFY "{channel}"`),

		forget: []string{
			// 1 now.
			q(`DELETE FROM {s}.session WHERE key IN (SELECT key FROM {s}.session
	WHERE end_until > 0 AND end_until < {now 1} LIMIT {limit} FOR UPDATE SKIP LOCKED)`),
			q(`
WITH hit AS (
	DELETE FROM {s}.session WHERE key IN (SELECT key FROM {s}.session
		WHERE due > 0 AND reason = '' AND due < {now 1} - {abandoned} LIMIT {limit} FOR UPDATE SKIP LOCKED)
	RETURNING key, refs
)
DELETE FROM {s}.session_ref r USING {hit.refs} o WHERE r.ref = o.ref AND r.key = o.key`),
			q(`DELETE FROM {s}.tombstone t USING (SELECT ref, begun_by, issued_by FROM {s}.tombstone
	WHERE until < {now 1} LIMIT {limit} FOR UPDATE SKIP LOCKED) o
	WHERE t.ref = o.ref AND t.begun_by = o.begun_by AND t.issued_by = o.issued_by`),
			q(`DELETE FROM {s}.once WHERE id IN (SELECT id FROM {s}.once
	WHERE until < {now 1} LIMIT {limit} FOR UPDATE SKIP LOCKED)`),
			// An hour later, for a grant whose number was drawn and who is still waiting.
			q(`DELETE FROM {s}.lease WHERE id IN (SELECT id FROM {s}.lease
	WHERE until < {now 1} - 3600000 LIMIT {limit} FOR UPDATE SKIP LOCKED)`),
		},

		// By the server's clock, as Watch goes by it. 1 how long they are kept. If the
		// oldest is to stay, no other is looked at.
		forgetChanges: q(`
WITH old AS (SELECT {server} - $1::bigint AS at)
DELETE FROM {s}.change c USING old WHERE c.at < old.at AND c.ctid = ANY (ARRAY(SELECT ctid FROM {s}.change
	WHERE (SELECT at FROM {s}.change ORDER BY xid LIMIT 1) < (SELECT at FROM old) ORDER BY xid LIMIT {limit}))`),
	}
}
