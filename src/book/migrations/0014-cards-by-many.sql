-- A claim leaves room for its answer beside it, which then no index hears of.
alter table remembered_answer set (fillfactor = 15);

-- What is settled for the first time needs no look.
drop trigger issued_card_keep on issued_card;
create trigger issued_card_keep before update on issued_card for each row when (old.stage <> 'drawn') execute function issued_card_keep();
create trigger issued_card_stay before delete on issued_card for each row execute function issued_card_keep();
