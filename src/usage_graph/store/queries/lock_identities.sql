-- Until the end of the transaction nobody else claims an identity; they can be read.
LOCK TABLE usage_identity IN SHARE ROW EXCLUSIVE MODE
