create table system_table_history (
  number bigint generated always as identity primary key,
  changed_at timestamptz not null default clock_timestamp(),
  changed_by text not null,
  why text not null,
  kind text not null,
  name text not null,
  before jsonb,
  after jsonb,
  source text
);
create index system_table_history_by_row on system_table_history (kind, name, number desc);
comment on table system_table_history is 'Every change to system_table: who, when, why, the row before and after it. Nothing in it is changed or removed.';
comment on column system_table_history.changed_by is 'The operator as they named themselves, configuration, or for a change by SQL the database''s user.';
comment on column system_table_history.before is 'Null: the row was not there.';
comment on column system_table_history.after is 'Null: the row was removed.';
comment on column system_table_history.source is 'The row''s source after the change.';

-- A statement of one's own may say who it is for: set_config('locum.by', …, true), and locum.why.
create function system_table_remember() returns trigger language plpgsql as $$
declare
  is_seeding constant boolean := coalesce(current_setting('locum.seeding', true), '') = 'on';
begin
  if tg_op = 'UPDATE' and new.document = old.document and new.source = old.source then
    return null;
  end if;
  insert into system_table_history (changed_by, why, kind, name, before, after, source) values (
    coalesce(nullif(current_setting('locum.by', true), ''), case when is_seeding then 'configuration' else session_user::text end),
    coalesce(current_setting('locum.why', true), ''),
    case when tg_op = 'DELETE' then old.kind else new.kind end,
    case when tg_op = 'DELETE' then old.name else new.name end,
    case when tg_op = 'INSERT' then null else old.document end,
    case when tg_op = 'DELETE' then null else new.document end,
    case when tg_op = 'DELETE' then null else new.source end
  );
  return null;
end $$;
create trigger system_table_remember after insert or update or delete on system_table
  for each row execute function system_table_remember();

insert into system_table_history (changed_at, changed_by, why, kind, name, after, source)
  select changed_at, source, 'as it was when the history began', kind, name, document, source from system_table order by kind, name;

-- The highest number that an issuer's rules have had; null: none had one.
create function system_table_rules_number(issuer text) returns bigint language sql stable as $$
  select max(floor((document #>> '{standIn,version}')::numeric))::bigint from (
    select document from system_table where kind = 'issuer' and name = issuer
    union all
    select after from system_table_history where kind = 'issuer' and name = issuer
  ) as documents where jsonb_typeof(document #> '{standIn,version}') = 'number'
$$;

-- Rules that change get a number that none of this issuer had before; the configuration numbers its own. Rules that are not written
-- down are the default ones, which have the number 1.
create function system_table_number_rules() returns trigger language plpgsql as $$
declare
  rules constant jsonb := new.document -> 'standIn';
  least_number bigint;
begin
  if new.kind <> 'issuer' or jsonb_typeof(rules) is distinct from 'object' or coalesce(current_setting('locum.seeding', true), '') = 'on' then
    return new;
  end if;
  if tg_op = 'UPDATE' and rules - 'version' is not distinct from (old.document -> 'standIn') - 'version' then
    return new;
  end if;
  least_number := coalesce(system_table_rules_number(new.name), case when tg_op = 'INSERT' then 0 else 1 end) + 1;
  if jsonb_typeof(rules -> 'version') is distinct from 'number' or (rules ->> 'version')::numeric < least_number then
    new.document := jsonb_set(new.document, '{standIn,version}', to_jsonb(least_number));
  end if;
  return new;
end $$;
create trigger system_table_number_rules before insert or update on system_table
  for each row execute function system_table_number_rules();
