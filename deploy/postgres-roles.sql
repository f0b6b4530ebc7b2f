-- Four roles with the least rights, for logins to be members of. Run by the owner of the tables, once
-- after each `oneprefix db upgrade`, which stays the owner's:
--
--   psql --set ON_ERROR_STOP=1 --single-transaction --file deploy/postgres-roles.sql DATABASE
--   CREATE ROLE worker LOGIN PASSWORD '…' IN ROLE oneprefix_worker
--
--   oneprefix_worker    celery -A tasks worker, oneprefix worker, up, enqueue, retry, cancel, doctor,
--                       and the commands about whole jobs
--   oneprefix_producer  an orchestrator, with oneprefix-client, tasks.enqueue or SQL of its own
--   oneprefix_operator  orders give, show and cancel; tasks.give_order
--   oneprefix_reader    status, failed, ls, urls, fetch, verify, inventory, metrics
--
-- Nobody but the owner may delete a row, or create, change or drop a table; a worker folds the rows of
-- the totals, which triggers write as their owner.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY[
        'oneprefix_worker', 'oneprefix_producer', 'oneprefix_operator', 'oneprefix_reader'
    ] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- roles belong to all databases of a server
        END;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema, role);
        EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM %I', current_schema, role);
    END LOOP;
END
$$;

REVOKE ALL
    ON uploads, follow_ups, job_orders, deletions, oneprefix_version, oneprefix_installation, oneprefix_totals,
    jobs, runs
    FROM oneprefix_worker, oneprefix_producer, oneprefix_operator, oneprefix_reader;

GRANT SELECT ON oneprefix_installation
    TO oneprefix_worker, oneprefix_producer, oneprefix_operator, oneprefix_reader;

GRANT SELECT ON uploads, follow_ups, job_orders, deletions, oneprefix_version, oneprefix_totals
    TO oneprefix_worker, oneprefix_reader;

-- The orchestrator's tables: what is read, and the columns that a landing writes.
GRANT SELECT (id, created_at) ON jobs TO oneprefix_worker, oneprefix_reader;
GRANT SELECT (id, job_id, status, results_url, results_uploaded_at) ON runs
    TO oneprefix_worker, oneprefix_reader;
GRANT UPDATE (status, results_url, results_uploaded_at) ON runs TO oneprefix_worker;

DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass('runs') AND attname = 'updated_at' AND NOT attisdropped
    ) THEN
        GRANT SELECT (updated_at), UPDATE (updated_at) ON runs TO oneprefix_worker;
    END IF;
END
$$;

GRANT INSERT, UPDATE ON uploads, follow_ups, job_orders, deletions TO oneprefix_worker;
GRANT INSERT, UPDATE, DELETE ON oneprefix_totals TO oneprefix_worker;

-- A producer requests, asks again, cancels and looks; where results landed it can't write.
GRANT SELECT ON uploads, follow_ups, oneprefix_version TO oneprefix_producer;
GRANT INSERT (job_id, run_id, path, task_id, next_attempt_at, expires_at, published_at) ON uploads
    TO oneprefix_producer;
GRANT UPDATE (
    path, state, task_id, superseded, owner, fence, lease_until, attempt, next_attempt_at, expires_at,
    published_at, bytes_done, bytes_total, file_count, archive_size, checksum, sha256, left_out, error,
    traceback, requested_at, updated_at
) ON uploads TO oneprefix_producer;
GRANT INSERT ON follow_ups TO oneprefix_producer;

-- An operator gives orders about whole jobs; the database notes the role itself (`given_as`).
GRANT SELECT ON job_orders, oneprefix_version TO oneprefix_operator;
GRANT INSERT (id, kind, job_id, arguments, given_at, given_by, wanted) ON job_orders
    TO oneprefix_operator;
GRANT UPDATE (state, fence, owner, lease_until, next_attempt_at, error, updated_at) ON job_orders
    TO oneprefix_operator;

-- Identity columns need no grant; sequences of `serial` columns do.
DO $$
DECLARE
    sequence text;
BEGIN
    FOR sequence IN
        SELECT pg_get_serial_sequence(name, 'id')
        FROM unnest(ARRAY['uploads', 'deletions', 'oneprefix_totals']) AS name
    LOOP
        IF sequence IS NOT NULL THEN
            EXECUTE format('GRANT USAGE ON SEQUENCE %s TO oneprefix_worker', sequence);
            IF sequence LIKE '%uploads%' THEN
                EXECUTE format('GRANT USAGE ON SEQUENCE %s TO oneprefix_producer', sequence);
            END IF;
        END IF;
    END LOOP;
END
$$;
