-- Whom an answer is about, so that it is forgotten with its user.
alter table remembered_answer add column about text collate "C";
update remembered_answer set about = substring(body from '"userId":"(u_[A-Za-z0-9_-]{22})"') where body is not null;
create index remembered_answer_about on remembered_answer (about) where about is not null;
comment on column remembered_answer.about is 'The user whom the call or its answer names. When that user is deleted the answer is forgotten: status 410, and no body.';
