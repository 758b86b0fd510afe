-- A card that its account did not take stands in nobody's place: the card that it was to replace may be replaced by another.
alter table issued_card drop constraint issued_card_replaces_key;
create unique index issued_card_replaces on issued_card (replaces) where stage <> 'refused';
comment on column issued_card.replaces is 'The card in whose place it is, or was to be where its account did not take it.';
