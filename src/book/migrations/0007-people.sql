create table person (
  user_id text collate "C" primary key,
  partner text not null,
  external_id text collate "C",
  phone text collate "C",
  email text,
  given_name text,
  family_name text,
  birth_date date,
  state text not null check (state in ('active', 'locked', 'deleted')),
  kyc text not null check (kyc in ('none', 'started', 'verified', 'refused')),
  kyc_by text check (kyc_by in ('partner', 'service')),
  request_key text collate "C" not null,
  registered_at timestamptz not null,
  changed_at timestamptz not null,
  unique (partner, request_key),
  check ((kyc = 'none') = (kyc_by is null))
);
create unique index person_by_external_id on person (partner, external_id) where state <> 'deleted';
create unique index person_by_phone on person (partner, phone) where state <> 'deleted';
create index person_by_partner on person (partner, registered_at desc, user_id desc);
create index person_by_registration on person (registered_at desc, user_id desc);
comment on table person is 'Users: whom a partner registered. What a deleted one was called, and could be reached by, is not kept.';
comment on column person.partner is 'Whose user it is: no other partner is told that there is one.';
comment on column person.external_id is 'What the partner calls the user; unique among those of the partner that are not deleted.';
comment on column person.phone is 'E.164, with its plus; unique among those of the partner that are not deleted.';
comment on column person.state is 'A locked one has no sessions and pairs no device; a deleted one stays as a row without personal data.';
comment on column person.kyc is 'Strong verification: none, started, verified or refused.';
comment on column person.kyc_by is 'Who began or decided it: the partner by its flag, or the service by its own process.';
comment on column person.request_key is 'Key of the call that registered the user: the same call again finds it.';

create table kyc_history (
  user_id text collate "C" not null references person,
  place integer not null,
  changed_at timestamptz not null,
  kyc text not null,
  by_kind text not null check (by_kind in ('user', 'partner', 'staff')),
  by_name text not null,
  why text not null,
  primary key (user_id, place)
);
comment on table kyc_history is 'Each change of a user''s verification: when, to what, by whom, why.';
comment on column kyc_history.place is 'From 1, in order.';

create table pairing_code (
  user_id text collate "C" primary key references person,
  code_digest text collate "C" not null unique,
  made_at timestamptz not null,
  expires_at timestamptz not null,
  used_by text collate "C"
);
comment on table pairing_code is 'The last code by which a user may pair a device, once. A new one ends the one before.';
comment on column pairing_code.code_digest is 'SHA-256 of the code.';
comment on column pairing_code.used_by is 'The device that it paired.';

create table device (
  device_id text collate "C" primary key,
  user_id text collate "C" not null references person,
  name text not null,
  proof_key text not null,
  proof_key_digest text collate "C" not null,
  encryption_key text not null,
  secret_hash text not null,
  wrong_secrets integer not null default 0,
  paired_at timestamptz not null,
  retired_at timestamptz,
  retired_why text,
  check (num_nonnulls(retired_at, retired_why) in (0, 2))
);
create unique index device_is_one on device (user_id) where retired_at is null;
create index device_by_user on device (user_id, paired_at desc, device_id desc);
comment on table device is 'Installations of the app. A user has one that is not retired at most.';
comment on column device.proof_key is 'Public key (JWK, EC P-256) that signs nonces.';
comment on column device.proof_key_digest is 'Its thumbprint (RFC 7638, SHA-256).';
comment on column device.encryption_key is 'Public RSA key (SubjectPublicKeyInfo, DER, base64) that answers to this device are encrypted with; no other is.';
comment on column device.secret_hash is 'Argon2id of the secret of the app that was set at pairing, such as its PIN.';
comment on column device.wrong_secrets is 'How often in a row the secret was wrong. At the limit the device is retired.';
comment on column device.retired_why is 'replaced, revoked, wrongSecret, userLocked or userDeleted.';

create table device_nonce (
  nonce_digest text collate "C" primary key,
  device_id text collate "C" not null references device,
  expires_at timestamptz not null
);
create index device_nonce_by_device on device_nonce (device_id, expires_at);
comment on table device_nonce is 'What a device was given to sign, until it did, once, or it is too late.';

create table user_session (
  session_id text collate "C" primary key,
  token_digest text collate "C" not null unique,
  user_id text collate "C" not null references person,
  device_id text collate "C" not null references device,
  opened_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_why text,
  confirmed_at timestamptz,
  confirmed_action text,
  check (num_nonnulls(ended_at, ended_why) in (0, 2)),
  check (num_nonnulls(confirmed_at, confirmed_action) in (0, 2))
);
create index user_session_by_user on user_session (user_id, opened_at);
comment on table user_session is 'Sessions of the mobile door, each bound to the device that opened it.';
comment on column user_session.token_digest is 'SHA-256 of the token, which is nowhere but in the app.';
comment on column user_session.ended_why is 'closed, replaced, revoked, or why the device was retired.';
comment on column user_session.confirmed_action is 'What the second confirmation was given for.';

create table staff (
  staff_id text collate "C" primary key,
  name text collate "C" not null unique,
  role text not null check (role in ('admin', 'manager', 'employee')),
  state text not null check (state in ('invited', 'active', 'locked', 'removed')),
  password_hash text,
  totp_sealed text,
  totp_step bigint not null default 0,
  wrong_tries integer not null default 0,
  locked_until timestamptz,
  enrolment_digest text collate "C" unique,
  enrolment_expires_at timestamptz,
  request_key text collate "C" not null unique,
  made_at timestamptz not null,
  made_by text not null,
  changed_at timestamptz not null,
  check (num_nonnulls(password_hash, totp_sealed) in (0, 2)),
  check (num_nonnulls(enrolment_digest, enrolment_expires_at) in (0, 2)),
  check (state <> 'active' or password_hash is not null)
);
comment on table staff is 'Who may log in at the administration door.';
comment on column staff.name is 'Small letters, digits, dots and hyphens.';
comment on column staff.state is 'invited: has an enrolment code, or needs one. locked: by another one of the staff, until unlocked.';
comment on column staff.password_hash is 'Argon2id, with its parameters and salt.';
comment on column staff.totp_sealed is 'Secret of the one-time codes (RFC 6238), sealed under a key that is not in the book.';
comment on column staff.totp_step is 'Time step of the last code that was taken: none is taken twice.';
comment on column staff.wrong_tries is 'Log-ins since the last that was right.';
comment on column staff.locked_until is 'No log-in is taken before, whatever it says.';
comment on column staff.enrolment_digest is 'SHA-256 of the code by which a password and one-time codes are set, once.';

create table staff_session (
  session_id text collate "C" primary key,
  token_digest text collate "C" not null unique,
  staff_id text collate "C" not null references staff,
  role text not null,
  opened_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_why text,
  confirmed_at timestamptz not null,
  check (num_nonnulls(ended_at, ended_why) in (0, 2))
);
create index staff_session_by_staff on staff_session (staff_id, opened_at);
comment on table staff_session is 'Sessions of the administration door.';
comment on column staff_session.role is 'As it was at log-in: a change of role ends the sessions.';

create table audit_entry (
  number bigint primary key,
  at timestamptz not null,
  actor text not null,
  role text not null,
  action text not null,
  target text not null,
  outcome text not null,
  request_id text not null,
  digest text collate "C" not null,
  check (number > 0)
);
create index audit_entry_by_actor on audit_entry (actor, number);
create index audit_entry_by_target on audit_entry (target, number);
comment on table audit_entry is 'What staff and operators did and wanted to do. Each entry''s digest covers the entry and the digest before it.';
comment on column audit_entry.number is 'From 1, without a gap.';
comment on column audit_entry.actor is 'Id of staff, or operator: and a name.';
comment on column audit_entry.outcome is 'begun, done, or the code that it was refused with.';

create table audit_head (
  number bigint not null,
  digest text collate "C" not null
);
create unique index audit_head_is_one on audit_head ((true));
insert into audit_head (number, digest) values (0, '');
comment on table audit_head is 'The last entry of audit_entry: an end that was cut off shows.';

-- An entry continues what is there, and stays.
create function audit_entry_keep() returns trigger language plpgsql as $$
begin
  if tg_op <> 'INSERT' then
    raise exception 'what was entered into the audit log stays as it is' using errcode = 'check_violation', constraint = 'audit_entry_keep';
  end if;
  update audit_head set number = new.number, digest = new.digest where number = new.number - 1;
  if not found then
    raise exception 'entry % does not continue the audit log', new.number using errcode = 'check_violation', constraint = 'audit_entry_keep';
  end if;
  return new;
end $$;
create trigger audit_entry_continues before insert on audit_entry for each row execute function audit_entry_keep();
create trigger audit_entry_stays before update or delete or truncate on audit_entry for each statement execute function audit_entry_keep();
