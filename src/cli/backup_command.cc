// weir backup, weir restore: the catalog as one file.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "base/random.h"
#include "catalog/restore.h"
#include "cli/catalog_command.h"
#include "cli/commands.h"
#include "cli/data_directory.h"
#include "cli/secret_keys.h"

namespace weir::cli {

namespace {

// What a data directory may hold that nothing has happened in: what a restore that was killed, or a key that was put
// there for it, leaves.
bool mayBeThere(const std::string& name) {
  return name == "lock" || name == "format" || name == "secret.key" || name == "secret.key.lock" ||
         name == "catalog.db.partial";
}

base::Status checkEmpty(const std::string& data) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(data, error)) {
    const std::string name = entry.path().filename().string();
    if (mayBeThere(name)) continue;
    return base::Error{"--data " + data + ": it is not empty (it has " + catalog::shown(name) +
                       "); restore into a new directory, and start weir with that"};
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return base::Error{"--data " + data + ": " + error.message() + "; name a directory that can be written"};
  return base::Nothing{};
}

int restore(const CatalogCommand& command, const std::string& file, const base::Clock& clock) {
  if (auto empty = checkEmpty(command.data); !empty.ok()) return fail(empty.error().message);
  auto data = DataDirectory::open(command.data);
  if (!data.ok()) return fail(data.error().message);
  if (auto empty = checkEmpty(command.data); !empty.ok()) return fail(empty.error().message);
  base::SystemRandom random;
  auto restored = catalog::restoreCatalog(file, catalogPath(command.data), operatorHere(), clock, random);
  if (!restored.ok()) {
    (void)fail(restored.error().message);
    return 1;
  }
  std::string text = "restored " + std::to_string(restored->accounts) + " accounts, " +
                     std::to_string(restored->scripts) + " scripts and " + std::to_string(restored->secrets) +
                     " secrets into " + command.data;
  if (restored->secretKey) {
    text += "\nThe key of secrets, " + *restored->secretKey + ", is no part of a backup: put it at " +
            secretKeyPath(command.data) + " (mode 0600), or name --secret-key-command, before weir serve";
  }
  const std::string object = JsonObject()
                                 .text("data", command.data)
                                 .number("accounts", restored->accounts)
                                 .number("scripts", restored->scripts)
                                 .number("secrets", restored->secrets)
                                 .textOrNull("secret_key", restored->secretKey)
                                 .done();
  std::printf("%s\n", command.json ? object.c_str() : text.c_str());
  return 0;
}

}  // namespace

void addBackupCommands(CLI::App& app, CatalogCommand& command) {
  const auto file = std::make_shared<std::string>();

  auto* backup = addVerb(app, command, "backup", "Copy the catalog into a new file, while weir serves",
                         "weir backup /backups/weir-$(date +%F).db");
  backup->add_option("FILE", *file, "The file to make; it holds everything but the key of secrets")->required();
  backup->callback([&command, file] {
    command.run = [&command, file](CatalogSession& session) {
      // As others will see it in the audit log.
      const std::string path = std::filesystem::absolute(*file).lexically_normal().string();
      if (auto made = session.catalog.backup(path); !made.ok()) return session.refuse(made.error());
      auto key = session.catalog.secretKey();
      if (!key.ok()) return session.refuse(key.error());
      std::error_code error;
      const auto bytes = std::filesystem::file_size(path, error);
      std::string text = "copied the catalog to " + path + ", " + std::to_string(error ? 0 : bytes) + " bytes";
      if (*key) {
        text += "\nThe key of secrets, " + **key + ", is no part of it: keep a copy of " + secretKeyPath(command.data) +
                " elsewhere";
      }
      return session.say(
          text,
          JsonObject().text("file", path).number("bytes", error ? 0 : bytes).textOrNull("secret_key", *key).done());
    };
  });

  auto* restoring = addVerb(app, command, "restore", "Make an empty data directory from a backup",
                            "weir restore /backups/weir-2026-01-31.db --data data-restored");
  restoring->add_option("FILE", *file, "What weir backup made")->required();
  restoring->callback([&command, file] {
    command.runAlone = [&command, file](const base::Clock& clock) { return restore(command, *file, clock); };
  });
}

}  // namespace weir::cli
