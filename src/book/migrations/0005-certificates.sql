create table authority (
  fingerprint text collate "C" primary key,
  certificate text not null,
  subject text not null,
  not_before timestamptz not null,
  not_after timestamptz not null,
  made_at timestamptz not null,
  made_by text not null,
  why text not null
);
create unique index authority_is_one on authority ((true));
comment on table authority is 'The certificate authority for partners: its own certificate. Its private key is in a switch''s key file, never here.';
comment on column authority.fingerprint is 'SHA-256 of the certificate, in hexadecimal digits.';

create sequence partner_certificate_change;

create table partner_certificate (
  serial text collate "C" primary key,
  authority text collate "C" not null references authority,
  partner text not null,
  subject text not null,
  fingerprint text collate "C" not null unique,
  key_digest text collate "C" not null,
  key_words text not null,
  not_before timestamptz not null,
  not_after timestamptz not null,
  certificate text not null,
  issued_at timestamptz not null,
  issued_by text not null,
  issued_why text not null,
  revoked_at timestamptz,
  revoked_by text,
  revoked_why text,
  change bigint not null unique,
  check (num_nonnulls(revoked_at, revoked_by, revoked_why) in (0, 3))
);
create index partner_certificate_by_key on partner_certificate (key_digest);
create index partner_certificate_by_partner on partner_certificate (partner, issued_at);
comment on table partner_certificate is 'Certificates of partners'' back ends: issued to whom, when, by whom, why; and revoked. None is changed otherwise or removed.';
comment on column partner_certificate.fingerprint is 'SHA-256 of the certificate, in hexadecimal digits: what a peer is known by.';
comment on column partner_certificate.key_digest is 'SHA-256 of the public key: one that was revoked, or is another partner''s, is not certified again.';
comment on column partner_certificate.change is 'Rises with each issue and revocation, in the order in which they are committed: who knows up to a number reads what is above it.';

-- One change at a time, so that what has a higher number is not seen before what has a lower one.
create function partner_certificate_keep() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'a certificate that was issued stays in the book';
  end if;
  if tg_op = 'UPDATE' and (old.revoked_at is not null
      or (to_jsonb(new) - array['revoked_at', 'revoked_by', 'revoked_why', 'change']) <> (to_jsonb(old) - array['revoked_at', 'revoked_by', 'revoked_why', 'change'])) then
    raise exception 'a certificate that was issued can be revoked, once, and not be changed otherwise';
  end if;
  perform 1 from authority for update;
  new.change := nextval('partner_certificate_change');
  return new;
end $$;
create trigger partner_certificate_keep before insert or update or delete on partner_certificate
  for each row execute function partner_certificate_keep();
