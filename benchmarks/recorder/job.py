# What is recorded of python3: orders as CSV are parsed, grouped, written as JSON and XML, parsed again, sorted and indexed by word, in three
# rounds with pauses. Each round drops most of what the one before kept. PYTHONMALLOC=malloc makes each object a block of its own.
import collections
import csv
import io
import json
import random
import time
import xml.etree.ElementTree as ElementTree

WORDS = [a + b for a in ("bolt", "nut", "hinge", "screw", "clamp", "spring") for b in ("", "s", "-small", "-large", "-steel", "-brass")]
ROWS = 2500
ROUNDS = 3
PAUSE_SECONDS = 1.6


def make_csv(source):
    text = io.StringIO()
    writer = csv.writer(text)
    for number in range(ROWS):
        note = " ".join(source.choice(WORDS) for _ in range(source.randrange(1, 12)))
        writer.writerow([number, source.choice(WORDS), source.randrange(1, 100), f"{source.random() * 1000:.2f}", note])
    return text.getvalue()


def parse(text):
    return [
        {"id": int(row[0]), "product": row[1], "quantity": int(row[2]), "price": float(row[3]), "note": row[4]}
        for row in csv.reader(io.StringIO(text))
    ]


def index(orders):
    words = collections.defaultdict(list)
    for order in orders:
        for word in order["note"].split():
            words[word].append(order["id"])
    return words


def to_xml(groups):
    root = ElementTree.Element("orders")
    for product, orders in groups.items():
        group = ElementTree.SubElement(root, "group", product=product)
        for order in orders:
            ElementTree.SubElement(group, "order", id=str(order["id"]), worth=str(order["quantity"] * order["price"]))
    return ElementTree.tostring(root)


def run(source, kept):
    orders = parse(make_csv(source))
    groups = collections.defaultdict(list)
    for order in orders:
        groups[order["product"]].append(order)
    read = json.loads(json.dumps(groups))
    tree = ElementTree.fromstring(to_xml(groups))
    time.sleep(PAUSE_SECONDS)
    for orders_of_product in read.values():
        orders_of_product.sort(key=lambda order: (order["note"], order["price"]))
    worth = sum(float(node.get("worth")) for node in tree.iter("order"))
    kept.append((worth, index(orders), [order for order in orders if order["quantity"] > 90]))


def main():
    source = random.Random(7)
    kept = collections.deque(maxlen=2)
    for _ in range(ROUNDS):
        run(source, kept)
        time.sleep(PAUSE_SECONDS)
    print(f"{len(kept)} rounds kept, worth {sum(entry[0] for entry in kept):.2f}")


main()
