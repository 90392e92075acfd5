//! Every SQL statement, in one table, in the dialect that SQLite and PostgreSQL share.
//! A test prepares each of them.

macro_rules! statements {
    ($($name:ident = $sql:literal;)*) => {
        $(pub(crate) const $name: &str = $sql;)*
        /// Name and text of every statement that the store ever runs.
        pub const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

statements! {
    ENTRY_ADD = "insert into journal (seq, at, kind, body, hash) values ($1, $2, $3, $4, $5)";
    ENTRY_LAST = "select seq, hash from journal order by seq desc limit 1";
    ENTRIES_FROM = "select seq, at, kind, body, hash from journal where seq >= $1 order by seq limit $2";
    ENTRIES_STRAY = "select seq from journal where seq < 1 limit 1";

    HEAD_ADD = "insert into journal_head (seq, hash, key, signature) values ($1, $2, $3, $4)";
    HEAD_REMOVE = "delete from journal_head where seq = $1";
    HEADS = "select seq, hash, key, signature from journal_head order by seq";

    INPUT_FIND = "select first_seq, end_seq from input where key = $1";
    INPUT_ADD = "insert into input (key, first_seq, end_seq, at) values ($1, $2, $3, $4)";
    INPUT_FORGET = "delete from input where at < $1";

    EFFECT_ADD = "insert into effect (key, seq, class, status, deadline, attempts, body) \
        values ($1, $2, $3, 'pending', $4, 0, $5) on conflict (key) do nothing";
    EFFECT_START = "update effect set status = 'started', started = $2, attempts = attempts + 1 \
        where key = $1 and status in ('pending', 'started', 'in-doubt')";
    EFFECT_END = "update effect set status = $2, ended = $3, outcome = $4 \
        where key = $1 and status in ('pending', 'started', 'in-doubt')";
    EFFECTS_OPEN = "select status, seq, attempts, started, body, outcome from effect \
        where status in ('pending', 'started') order by seq, key";
    EFFECTS_IN = "select status, seq, attempts, started, body, outcome from effect \
        where status = $1 order by seq, key limit $2";
    EFFECT_GET = "select status, seq, attempts, started, body, outcome from effect where key = $1";

    PROJECTION_PUT = "insert into projection (kind, id, sort, seq, body) values ($1, $2, $3, $4, $5) \
        on conflict (kind, id) do update set sort = excluded.sort, seq = excluded.seq, body = excluded.body";
    PROJECTION_REMOVE = "delete from projection where kind = $1 and id = $2";
    PROJECTIONS_CLEAR = "delete from projection";
    PROJECTION_GET = "select id, sort, seq, body from projection where kind = $1 and id = $2";
    PROJECTIONS_UP = "select id, sort, seq, body from projection \
        where kind = $1 and (sort > $2 or (sort = $2 and id > $3)) order by sort, id limit $4";
    PROJECTIONS_DOWN = "select id, sort, seq, body from projection \
        where kind = $1 and (sort < $2 or (sort = $2 and id < $3)) order by sort desc, id desc limit $4";
    PROJECTION_COUNT = "select count(*) from projection where kind = $1";

    LAKE_COMMIT = "insert into lake_commit (version, watermark) \
        select max(version) + 1, case when $1 > max(watermark) then $1 else max(watermark) end \
        from lake_commit returning version";
    LAKE_WATERMARK = "select version, watermark from lake_commit order by version desc limit 1";
    LAKE_COMMITS_TRIM = "delete from lake_commit where version < (select max(version) from lake_commit)";
    LAKE_FILE_ADD = "insert into lake_file (path, dataset, tenant, row_count, byte_count, min_time, max_time, \
        min_id, max_id, sources, native, commit_in) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, (select max(version) from lake_commit))";
    LAKE_FILE_END = "update lake_file set commit_out = (select max(version) from lake_commit) \
        where path = $1 and commit_out is null";
    LAKE_FILES_LIVE = "select path, dataset, tenant, row_count, byte_count, min_time, max_time, min_id, max_id, \
        sources, native, commit_in, commit_out from lake_file where commit_out is null order by min_time, path";
    LAKE_FILES_BETWEEN = "select path, dataset, tenant, row_count, byte_count, min_time, max_time, min_id, max_id, \
        sources, native, commit_in, commit_out from lake_file \
        where commit_out is null and dataset = $1 and max_time >= $2 and min_time < $3 order by min_time, path";
    LAKE_FILES_AT = "select path, dataset, tenant, row_count, byte_count, min_time, max_time, min_id, max_id, \
        sources, native, commit_in, commit_out from lake_file \
        where commit_in <= $1 and (commit_out is null or commit_out > $1) order by min_time, path";
    LAKE_FILES_CHANGED = "select path, dataset, tenant, row_count, byte_count, min_time, max_time, min_id, max_id, \
        sources, native, commit_in, commit_out from lake_file \
        where commit_in > $1 or commit_out > $1 order by commit_in, path";
    LAKE_FILES_FORGET = "delete from lake_file where commit_out <= $1";

    ACCOUNT_PUT = "insert into account (id, name, roles, password, created, disabled) values ($1, $2, $3, $4, $5, $6) \
        on conflict (id) do update set name = excluded.name, roles = excluded.roles, password = excluded.password, \
        disabled = excluded.disabled";
    ACCOUNT_GET = "select id, name, roles, password, created, disabled from account where id = $1";
    ACCOUNTS = "select id, name, roles, password, created, disabled from account order by id";

    SESSION_ADD = "insert into session (hash, account, created, expires, csrf) values ($1, $2, $3, $4, $5)";
    SESSION_GET = "select s.hash, s.created, s.expires, s.csrf, a.id, a.name, a.roles, a.password, a.created, a.disabled \
        from session s join account a on a.id = s.account \
        where s.hash = $1 and s.expires > $2 and a.disabled is null";
    SESSION_REMOVE = "delete from session where hash = $1";
    SESSIONS_REMOVE_OF = "delete from session where account = $1";
    SESSIONS_REMOVE_EXPIRED = "delete from session where expires <= $1";

    TOKEN_ADD = "insert into token (id, hash, prefix, kind, name, tenant, account, sources, scopes, created, expires) \
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    TOKEN_VALID = "select id, hash, prefix, kind, name, tenant, account, sources, scopes, created, expires, revoked, used \
        from token where hash = $1 and kind = $2 and revoked is null and (expires is null or expires > $3)";
    TOKENS = "select id, hash, prefix, kind, name, tenant, account, sources, scopes, created, expires, revoked, used \
        from token order by created, id";
    TOKEN_REVOKE = "update token set revoked = $2 where id = $1 and revoked is null";
    TOKEN_USED = "update token set used = $2 where id = $1 and (used is null or used < $2)";

    LINK_ADD = "insert into sign_in_link (hash, account, created, expires) values ($1, $2, $3, $4)";
    LINK_GET = "select account from sign_in_link where hash = $1 and used is null and expires > $2";
    LINK_USE = "update sign_in_link set used = $2 where hash = $1 and used is null and expires > $2";

    DEAD_PUT = "insert into dead_letter (id, received, source, tenant, reason, byte_count) \
        values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing";
    DEAD_REPLAYED = "update dead_letter set replayed = $2 where id = $1 and replayed is null";
    DEAD_ONE = "select id, received, source, tenant, reason, byte_count, replayed from dead_letter where id = $1";
    DEAD_LIST = "select id, received, source, tenant, reason, byte_count, replayed from dead_letter \
        where received < $1 or (received = $1 and id < $2) order by received desc, id desc limit $3";
    DEAD_LIST_OF = "select id, received, source, tenant, reason, byte_count, replayed from dead_letter \
        where source = $4 and (received < $1 or (received = $1 and id < $2)) order by received desc, id desc limit $3";
    DEAD_COUNTS = "select source, count(*) from dead_letter where replayed is null group by source order by source";
    DEAD_FORGET = "delete from dead_letter where received < $1";

    OUTPUT_ADD = "insert into output (name, cursor, sent, refused, filtered, held_tlp, held_exercise) \
        values ($1, $2, 0, 0, 0, 0, 0) on conflict (name) do nothing";
    OUTPUTS = "select name, cursor, paused, sent, refused, filtered, held_tlp, held_exercise, last_sent \
        from output order by name";
    OUTPUT_ADVANCE = "update output set cursor = case when $2 > cursor then $2 else cursor end, \
        sent = sent + $3, refused = refused + $4, filtered = filtered + $5, held_tlp = held_tlp + $6, \
        held_exercise = held_exercise + $7, last_sent = coalesce($8, last_sent) where name = $1";
    OUTPUT_PAUSE = "update output set paused = $2 where name = $1";

    OUTPUT_DEAD_PUT = "insert into output_dead (output, id, seq, at, kind, title, reason, body) \
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (output, id) do update set \
        at = excluded.at, reason = excluded.reason, body = excluded.body, replayed = null";
    OUTPUT_DEAD_ONE = "select output, id, seq, at, kind, title, reason, replayed, body from output_dead \
        where output = $1 and id = $2";
    OUTPUT_DEAD_LIST = "select output, id, seq, at, kind, title, reason, replayed, '' from output_dead \
        where at < $1 or (at = $1 and id < $2) order by at desc, id desc limit $3";
    OUTPUT_DEAD_LIST_OF = "select output, id, seq, at, kind, title, reason, replayed, '' from output_dead \
        where output = $4 and (at < $1 or (at = $1 and id < $2)) order by at desc, id desc limit $3";
    OUTPUT_DEAD_COUNTS = "select output, count(*) from output_dead where replayed is null group by output order by output";
    OUTPUT_DEAD_REPLAYED = "update output_dead set replayed = $3 where output = $1 and id = $2 and replayed is null";
    OUTPUT_DEAD_FORGET = "delete from output_dead where at < $1";

    INDICATOR_PUT = "insert into indicator (id, kind, value, origin, valid_from, valid_until, body) \
        values ($1, $2, $3, $4, $5, $6, $7) on conflict (id, kind, value) do update set origin = excluded.origin, \
        valid_from = excluded.valid_from, valid_until = excluded.valid_until, body = excluded.body";
    INDICATORS = "select body from indicator where id > $1 or (id = $1 and (kind > $2 or (kind = $2 and value > $3))) \
        order by id, kind, value limit $4";
    INDICATOR_COUNT = "select count(*) from indicator";
    INDICATORS_REMOVE_FROM = "delete from indicator where origin = $1";

    SIGHTING_PUT = "insert into sighting (event, indicator, field, at, body) values ($1, $2, $3, $4, $5) \
        on conflict (event, indicator, field) do nothing";
    SIGHTINGS = "select body from sighting order by at desc, event desc limit $1";
    SIGHTINGS_OF = "select body from sighting where indicator = $1 order by at desc, event desc limit $2";

    SETTING_PUT = "insert into setting (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value";
    SETTING_GET = "select value from setting where key = $1";
    SETTING_REMOVE = "delete from setting where key = $1";

    HEALTH_ADD = "insert into source_health (source, tenant, last_event, events, dead_letters, byte_count, leaves, \
        unknown_leaves, updated) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
        on conflict (source, tenant) do update set \
        last_event = case when excluded.last_event is null or excluded.last_event < source_health.last_event \
        then source_health.last_event else excluded.last_event end, \
        events = source_health.events + excluded.events, \
        dead_letters = source_health.dead_letters + excluded.dead_letters, \
        byte_count = source_health.byte_count + excluded.byte_count, \
        leaves = source_health.leaves + excluded.leaves, \
        unknown_leaves = source_health.unknown_leaves + excluded.unknown_leaves, \
        updated = excluded.updated";
    HEALTH = "select source, tenant, last_event, events, dead_letters, byte_count, leaves, unknown_leaves, updated \
        from source_health order by source, tenant";
}
