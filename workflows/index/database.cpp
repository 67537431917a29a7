#include "database.hpp"

#include <random>
#include <stdexcept>

namespace index_database {
namespace {

using index_sqlite::access;
using index_sqlite::connection;
using index_sqlite::statement;
using index_sqlite::transaction;
using index_tree::entry;

constexpr std::int64_t application_id = 0x7061776c;  // "pawl"

constexpr const char* schema = R"(
  CREATE TABLE document(
    id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    title TEXT NOT NULL, lines INTEGER NOT NULL, words INTEGER NOT NULL, terms TEXT NOT NULL);
  CREATE VIRTUAL TABLE page USING fts5(name, title, text, tokenize = "unicode61 tokenchars '_'");
  CREATE TABLE vanished(path BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID;
)";

std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash = 0xcbf29ce484222325) {
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return hash;
}

bool is_ours(connection& db) { return db.number("PRAGMA application_id") == application_id; }

void refuse_foreign(connection& db, const std::string& path) {
  if (!is_ours(db))
    throw std::runtime_error("the database " + path + " was not made by `index build`; name another file with --db");
}

// An opened index, made if there was nothing. Its random number goes into
// user_version, which is no row of a table: rows follow from files alone.
connection open_to_build(const std::string& path) {
  connection db(path, access::create);
  if (db.number("SELECT count(*) FROM sqlite_schema") != 0) refuse_foreign(db, path);
  // In WAL mode a commit is one sequential write, and readers go on beside it.
  db.run("PRAGMA journal_mode = WAL");
  // FULL, because the engine records writes as done when commit() returns, and does
  // not ask again. NORMAL would leave the commit in memory: after a power loss the
  // engine would say done where the index has nothing.
  db.run("PRAGMA synchronous = FULL");
  transaction creation(db);
  if (!is_ours(db)) {
    db.run(schema);
    db.run("PRAGMA user_version = " + std::to_string((std::random_device{}() & 0x7fffffff) | 1));
    db.run("PRAGMA application_id = " + std::to_string(application_id));
  }
  creation.commit();
  return db;
}

connection open_to_read(const std::string& path, access how) {
  connection db(path, how);
  refuse_foreign(db, path);
  return db;
}

std::string terms_of(const index_text::document& document) {
  std::string line;
  for (const index_text::term& term : document.terms) {
    if (!line.empty()) line += ' ';
    line += term.word + ':' + std::to_string(term.count);
  }
  return line;
}

}  // namespace

writer::writer(const std::string& path)
    : db_(open_to_build(path)),
      index_id_(db_.number("PRAGMA user_version")),
      find_(db_, "SELECT id FROM document WHERE path = ?"),
      taken_(db_, "SELECT 1 FROM document WHERE id = ?"),
      put_document_(db_, "INSERT INTO document VALUES(?, ?, ?, ?, ?, ?, ?, ?)"),
      put_page_(db_, "INSERT INTO page(rowid, name, title, text) VALUES(?, ?, ?, ?)"),
      delete_document_(db_, "DELETE FROM document WHERE id = ?"),
      delete_page_(db_, "DELETE FROM page WHERE rowid = ?"),
      note_vanished_(db_, "INSERT INTO vanished VALUES(?, 1) ON CONFLICT(path) DO UPDATE SET times = times + 1") {
  statement all(db_, "SELECT path, times FROM vanished");
  for (all.begin(); all.step();) vanished_[std::string(all.text(0))] = static_cast<std::uint64_t>(all.number(1));
}

std::uint64_t writer::edition_of(const std::string& path) const {
  const auto found = vanished_.find(path);
  const std::uint64_t times = found == vanished_.end() ? 0 : found->second;
  return static_cast<std::uint64_t>(index_id_) << 32 | (times & 0xffffffff);
}

std::vector<std::string> writer::forget_stale(const std::string& root, std::uint64_t max_bytes) {
  // All paths below the root, and no others: '0' is the byte after '/'.
  const std::string from = root.back() == '/' ? root : root + '/';
  std::string until = from;
  until.back() = '0';

  std::vector<std::string> gone;
  std::vector<std::int64_t> stale;
  statement all(db_, "SELECT id, path, bytes, mtime_ns FROM document WHERE path >= ? AND path < ?");
  for (all.begin().bytes(1, from).bytes(2, until); all.step();) {
    std::string path(all.text(1));
    const entry now = index_tree::look_at(path);
    if (now.is == entry::kind::unknown) continue;  // out of our sight is not gone
    const bool same = now.is == entry::kind::regular && now.size == static_cast<std::uint64_t>(all.number(2)) &&
                      now.mtime_ns == all.number(3) && now.size <= max_bytes && index_tree::readable(path);
    if (same) continue;
    stale.push_back(all.number(0));
    if (now.is == entry::kind::gone) gone.push_back(std::move(path));
  }

  transaction removal(db_);
  for (const std::int64_t id : stale) forget(id);
  for (const std::string& path : gone) note_vanished_.begin().bytes(1, path).execute();
  removal.commit();
  for (const std::string& path : gone) ++vanished_[path];
  return gone;
}

void writer::put(const index_tree::file& file, const index_text::document& document) {
  const std::string name = index_text::as_utf8(file.path);
  const std::string terms = terms_of(document);
  std::int64_t id = 0;
  if (find_.begin().bytes(1, file.path).step()) {
    id = find_.number(0);
    forget(id);
  } else {
    id = free_id(file.path);
  }
  put_document_.begin()
      .bind(1, id)
      .bytes(2, file.path)
      .bind(3, static_cast<std::int64_t>(file.size))
      .bind(4, file.mtime_ns)
      .text(5, document.title)
      .bind(6, static_cast<std::int64_t>(document.lines))
      .bind(7, static_cast<std::int64_t>(document.words))
      .text(8, terms)
      .execute();
  put_page_.begin().bind(1, id).text(2, name).text(3, document.title).text(4, document.text).execute();
  find_.begin();  // an open cursor would keep the commit from being checkpointed
}

std::int64_t writer::free_id(std::string_view path) {
  auto id = static_cast<std::int64_t>(fnv1a(path) >> 1);
  while (taken_.begin().bind(1, id).step()) id = (id + 1) & INT64_MAX;
  return id;
}

void writer::forget(std::int64_t id) {
  delete_page_.begin().bind(1, id).execute();
  delete_document_.begin().bind(1, id).execute();
}

std::vector<hit> search(const std::string& path, const std::vector<std::string>& words, int limit) {
  // Each word is a string of FTS5's language, so that no character in it is an operator.
  std::string query;
  for (const std::string& word : words) {
    query += query.empty() ? "\"" : " \"";
    for (const char byte : index_text::as_utf8(word)) {
      if (byte == '"') query += '"';
      query += byte;
    }
    query += '"';
  }
  connection db = open_to_read(path, access::read_only);
  statement found(
      db,
      "SELECT document.path, document.title, snippet(page, -1, '[', ']', ' ... ', 12) FROM page"
      " JOIN document ON document.id = page.rowid WHERE page MATCH ? ORDER BY bm25(page), path LIMIT ?");
  std::vector<hit> hits;
  for (found.begin().text(1, query).bind(2, limit); found.step();)
    hits.push_back({std::string(found.text(0)), std::string(found.text(1)), std::string(found.text(2))});
  return hits;
}

void dump(const std::string& path, bool check, const std::function<void(const std::string& line)>& print) {
  connection db = open_to_read(path, check ? access::existing : access::read_only);
  if (check) db.run("INSERT INTO page(page) VALUES('integrity-check')");
  // From page to document and not the other way round, so that a text without a document shows.
  statement all(
      db,
      "SELECT coalesce(path, 'no document'), bytes, lines, words, terms, document.title, page.text"
      " FROM page LEFT JOIN document ON document.id = page.rowid ORDER BY path");
  std::int64_t documents = 0;
  for (all.begin(); all.step(); ++documents) {
    static constexpr char hex[] = "0123456789abcdef";
    std::string digest;
    const std::uint64_t hash = fnv1a(all.text(6));
    for (int shift = 60; shift >= 0; shift -= 4) digest += hex[hash >> shift & 15];
    print(
        index_text::printable(all.text(0)) + '\t' + std::to_string(all.number(1)) + '\t' +
        std::to_string(all.number(2)) + '\t' + std::to_string(all.number(3)) + '\t' + digest + '\t' +
        index_text::printable(all.text(5)) + '\t' + std::string(all.text(4)));
  }
  if (documents != db.number("SELECT count(*) FROM document"))
    throw std::runtime_error("the database " + path + " has documents without text; delete it and build it again");
  print(std::to_string(documents) + " documents");
}

}  // namespace index_database
