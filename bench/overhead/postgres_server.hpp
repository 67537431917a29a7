// A PostgreSQL server of one's own: made in a fresh directory, reached through a
// socket that nobody else can, gone with this object.
//
// The server refuses to run as root. Started by root it becomes the user
// `postgres`, or `nobody` where there is none. If this process is killed, the
// server goes too.
#pragma once

#include "support/fresh_directory.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace bench {

class postgres_server {
public:
  // Empty where the programs of a server are found, else what is missing, in words.
  [[nodiscard]] static std::string why_absent();

  // Makes a cluster in `directory`/cluster and starts its server, for that many connections at once. Throws
  // std::runtime_error with the server's own last words.
  postgres_server(const std::filesystem::path& directory, std::size_t connections);
  ~postgres_server();
  postgres_server(const postgres_server&) = delete;
  postgres_server& operator=(const postgres_server&) = delete;

  // For PQconnectdb.
  [[nodiscard]] std::string address() const;

  // Of all its processes.
  [[nodiscard]] std::uint64_t bytes_written() const;
  [[nodiscard]] std::uint64_t anonymous_memory() const;

private:
  [[nodiscard]] pid_t start(const std::vector<std::string>& command) const;
  void wait_until_ready();
  [[noreturn]] void fail(const std::string& what) const;

  std::filesystem::path directory_;
  fresh_directory sockets_;  // not in directory_: the path of a socket has 107 bytes at most
  pid_t postmaster_ = -1;
};

}  // namespace bench
