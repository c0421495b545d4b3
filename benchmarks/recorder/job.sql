-- What is recorded of sqlite3: a table is loaded, indexed twice, queried, changed and vacuumed, in memory, with pauses.
.system sleep 0.1
PRAGMA cache_size = -16000;
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER, product TEXT, quantity INTEGER, price REAL, note TEXT);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)
INSERT INTO orders SELECT i, (i * 7919) % 5003, printf('product-%d', (i * 31) % 997), i % 97, (i * 13 % 9973) / 10.0,
  substr('a note of some length that repeats a note of some length that repeats', 1, i % 61) FROM n;
COMMIT;
.system sleep 1.6
CREATE INDEX by_customer ON orders(customer);
CREATE INDEX by_product ON orders(product, price);
.system sleep 1.6
SELECT count(*), sum(total) FROM (SELECT customer, sum(quantity * price) AS total FROM orders GROUP BY customer ORDER BY total DESC);
SELECT count(*) FROM orders a JOIN orders b ON a.customer = b.customer AND a.id < b.id AND a.price > 900;
SELECT length(group_concat(note, ',')) FROM orders WHERE product LIKE 'product-1%';
SELECT count(DISTINCT note), max(length(json_object('id', id, 'note', note))) FROM orders;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 15000)
SELECT count(*) FROM n JOIN orders ON orders.id = (n.i * 17) % 150000 WHERE printf('%s-%s', note, product) <> upper(note);
.system sleep 1.6
DELETE FROM orders WHERE id % 3 = 0;
UPDATE orders SET note = note || product WHERE id % 5 = 0;
VACUUM;
.system sleep 1.6
SELECT count(*), sum(length(note)) FROM orders;
