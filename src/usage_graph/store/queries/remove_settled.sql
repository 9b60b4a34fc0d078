-- What is settled is made anew from rollups that are about to change without their records.
DELETE FROM usage_settled
