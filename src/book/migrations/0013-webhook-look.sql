-- What was given up is counted every few seconds, among all that was delivered in thirty days.
create index webhook_delivery_dead on webhook_delivery (webhook_id, ended_at) where state = 'dead';
