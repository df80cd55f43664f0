package pgstore

import (
	"fmt"
	"regexp"
	"strings"
)

// statements are the SQL of a Store. All of them count on READ COMMITTED: each
// statement sees what was committed when it starts, and a row that it has to wait
// for is looked at again.
//
// Locks are taken in this order: references (advisory locks, by rising number),
// then rows of session, several of them by rising key. Create and a Replace that
// adds references share the lock of a reference, End of it has it alone.
type statements struct {
	load, list, create, replace, rerefer, touch, settle  string
	lockShared, lockAlone, bury, endRef, endKey          string
	claim, once, acquire, lease, listen                  string
	forgetSessions, forgetTombs, forgetOnce, forgetLease, forgetAbandoned string
}

var nowArg = regexp.MustCompile(`\{now (\d+)\}`)

func newStatements(schema string) *statements {
	q := func(sql string) string {
		sql = strings.ReplaceAll(sql, "{s}", schema)
		sql = strings.ReplaceAll(sql, "{channel}", "'"+schema+"_changes'")
		for _, alias := range []string{"s", "hit"} {
			sql = strings.ReplaceAll(sql, "{"+alias+".*}", fmt.Sprintf(columnList, alias))
		}
		// The argument, or the server's clock if it is NULL; not clock_timestamp(),
		// which the planner will not look up in an index.
		return nowArg.ReplaceAllString(sql, "coalesce($$$1::bigint, floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint)")
	}
	st := &statements{
		load: q(`SELECT {s.*} FROM {s}.session s WHERE s.key = $1`),

		list: q(`SELECT {s.*} FROM {s}.session_ref r JOIN {s}.session s ON s.key = r.key WHERE r.ref = $1 AND s.reason = ''`),

		lockShared: q(`SELECT count(pg_advisory_xact_lock_shared(l)::text) FROM unnest($1::bigint[]) l`),
		lockAlone:  q(`SELECT pg_advisory_xact_lock($1)::text`),

		// 1 now, 2 key, 3 begun, 4 active, 5 due, 6 refs joined, 7 refs, 8 sealed, 9 owner, 10 issued.
		// What is forgotten gives way.
		create: q(`
WITH tomb AS (
	SELECT FROM {s}.tombstone WHERE ref = ANY ($7::bytea[]) AND until >= {now 1} AND begun_by >= $3 LIMIT 1
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

		// 1 now, 2 key, 3 version, 4 active, 5 due, 6 refs joined, 7 sealed, 8 payload.
		// References that change need their locks first: 'refs', and rerefer.
		replace: q(`
WITH cur AS (
	SELECT s.version, s.reason, s.end_until, s.refs FROM {s}.session s WHERE s.key = $2 FOR UPDATE
), made AS (
	UPDATE {s}.session s SET version = s.version + 1, sealed = $7, active = greatest(s.active, $4::bigint),
		due = CASE WHEN s.active > $4 THEN s.due ELSE $5 END
	FROM cur WHERE s.key = $2 AND cur.reason = '' AND cur.version = $3 AND cur.refs = $6
	RETURNING pg_notify({channel}, $8)
)
SELECT CASE WHEN EXISTS (SELECT FROM made) THEN 'ok'
	WHEN cur.reason <> '' AND cur.end_until < {now 1} THEN 'absent'
	WHEN cur.reason <> '' THEN 'ended' WHEN cur.version <> $3 THEN 'conflict' ELSE 'refs' END FROM cur`),

		// The same, and 9 refs.
		rerefer: q(`
WITH cur AS (
	SELECT s.key, s.version, s.reason, s.end_until, s.refs, s.begun FROM {s}.session s WHERE s.key = $2 FOR UPDATE
), tomb AS (
	SELECT FROM cur, {s}.tombstone t WHERE t.ref = ANY ($9::bytea[]) AND t.until >= {now 1} AND t.begun_by >= cur.begun
		AND NOT EXISTS (SELECT FROM {s}.session_ref r WHERE r.ref = t.ref AND r.key = $2) LIMIT 1
), made AS (
	UPDATE {s}.session s SET version = s.version + 1, sealed = $7, active = greatest(s.active, $4::bigint),
		due = CASE WHEN s.active > $4 THEN s.due ELSE $5 END, refs = $6
	FROM cur WHERE s.key = $2 AND cur.reason = '' AND cur.version = $3 AND NOT EXISTS (SELECT FROM tomb)
	RETURNING s.key, pg_notify({channel}, $8)
), lost AS (
	DELETE FROM {s}.session_ref r USING made WHERE r.key = made.key AND r.ref <> ALL ($9::bytea[])
), won AS (
	INSERT INTO {s}.session_ref SELECT unnest($9::bytea[]), key FROM made ON CONFLICT DO NOTHING
)
SELECT CASE WHEN EXISTS (SELECT FROM made) THEN 'ok'
	WHEN cur.reason <> '' AND cur.end_until < {now 1} THEN 'absent'
	WHEN cur.reason <> '' THEN 'ended' WHEN cur.version <> $3 THEN 'conflict' ELSE 'ended' END FROM cur`),

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
		settle: q(`UPDATE {s}.session s SET sealed = $3, due = $4 WHERE s.key = $2 AND s.reason <> '' AND s.end_until >= {now 1}
RETURNING 'ok'`),

		// 1 now, 2 ref, 3 begun by, 4 until. Those that it covers go.
		bury: q(`
WITH covered AS (
	DELETE FROM {s}.tombstone WHERE ref = $2 AND begun_by < $3 AND until <= $4
)
INSERT INTO {s}.tombstone AS t SELECT $2, $3::bigint, $4::bigint WHERE $4 >= {now 1}
ON CONFLICT (ref, begun_by) DO UPDATE SET until = greatest(t.until, excluded.until)`),

		// 1 ref, 2 begun by, 3 issued by or 0, 4 reason, 5 at, 6 until. See rp.Selector.Covers.
		endRef: q(`
WITH hit AS (
	SELECT {s.*} FROM {s}.session s WHERE s.key IN (SELECT r.key FROM {s}.session_ref r WHERE r.ref = $1)
		AND s.reason = '' AND CASE WHEN $3::bigint > 0 THEN s.issued <= $3 ELSE s.begun <= $2 END ORDER BY s.key FOR UPDATE
), made AS (
	UPDATE {s}.session s SET reason = $4, end_at = $5, end_until = $6, due = $5 FROM hit WHERE s.key = hit.key
), lost AS (
	DELETE FROM {s}.session_ref r USING hit WHERE r.key = hit.key
), told AS MATERIALIZED (
	SELECT pg_notify({channel}, encode(hit.key, 'hex') || ':' || hit.version || ':' || $4) FROM hit
)
SELECT {hit.*} FROM hit WHERE (SELECT count(*) FROM told) >= 0`),

		// 1 key, 2 version or 0, 3 idle since or the greatest, 4 reason, 5 at, 6 until.
		endKey: q(`
WITH hit AS (
	SELECT {s.*} FROM {s}.session s WHERE s.key = $1 AND s.reason = '' AND ($2::bigint = 0 OR s.version = $2)
		AND s.active <= $3 FOR UPDATE
), made AS (
	UPDATE {s}.session s SET reason = $4, end_at = $5, end_until = $6, due = $5 FROM hit WHERE s.key = hit.key
), lost AS (
	DELETE FROM {s}.session_ref r USING hit WHERE r.key = hit.key
), told AS MATERIALIZED (
	SELECT pg_notify({channel}, encode(hit.key, 'hex') || ':' || hit.version || ':' || $4) FROM hit
)
SELECT {hit.*} FROM hit WHERE (SELECT count(*) FROM told) >= 0`),

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

		listen: q(`LISTEN "` + schema + `_changes"`),

		forgetSessions: q(`DELETE FROM {s}.session WHERE key IN (SELECT key FROM {s}.session
	WHERE end_until > 0 AND end_until < {now 1} LIMIT 1000 FOR UPDATE SKIP LOCKED)`),
		// 1 now, 2 how long after its Due.
		forgetAbandoned: q(`
WITH gone AS (
	DELETE FROM {s}.session WHERE key IN (SELECT key FROM {s}.session
		WHERE due > 0 AND reason = '' AND due < {now 1} - $2 LIMIT 1000 FOR UPDATE SKIP LOCKED) RETURNING key
)
DELETE FROM {s}.session_ref r USING gone WHERE r.key = gone.key`),
		forgetTombs: q(`DELETE FROM {s}.tombstone t USING (SELECT ref, begun_by FROM {s}.tombstone
	WHERE until < {now 1} LIMIT 1000 FOR UPDATE SKIP LOCKED) o WHERE t.ref = o.ref AND t.begun_by = o.begun_by`),
		forgetOnce: q(`DELETE FROM {s}.once WHERE id IN (SELECT id FROM {s}.once
	WHERE until < {now 1} LIMIT 1000 FOR UPDATE SKIP LOCKED)`),
		// An hour later, for a grant whose number was drawn and who is still waiting.
		forgetLease: q(`DELETE FROM {s}.lease WHERE id IN (SELECT id FROM {s}.lease
	WHERE until < {now 1} - 3600000 LIMIT 1000 FOR UPDATE SKIP LOCKED)`),
	}
	return st
}
