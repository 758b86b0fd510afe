alter table system_table drop constraint system_table_kind_check;
alter table system_table add constraint system_table_kind_check check (kind in ('station', 'program', 'binRange', 'issuer', 'parameter'));
comment on table system_table is 'Stations, programs, BIN ranges, issuers and the parameters of the whole system. A change is in force within seconds, without a restart.';
