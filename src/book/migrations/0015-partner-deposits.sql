-- What users spend of balances held here and what they spend of balances that the partner holds are two balances of a partner, and it may have both.
drop index partner_balance_of_spending;
