-- PostgreSQL keeps the ids of a block apart from its row; nothing to do there.
SELECT 1;
