#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <set>

#include "base/text.h"

namespace weir::cli {

namespace {

std::string exampleOf(const char* text) { return std::string("Example:\n  ") + text; }

// The settings' flags, each put down in `line` when it is given. `only`: of these; empty: all.
void addSettings(CLI::App& command, CommandLine& line, const Settings& defaults,
                 const std::set<std::string>& only = {}) {
  for (const Setting& setting : settingsTable()) {
    if (!only.empty() && !only.contains(setting.flag)) continue;
    if (const auto* text = std::get_if<Setting::Text>(&setting.kind)) {
      const auto member = text->member;
      auto* option = command.add_option_function<std::string>(
          setting.flag,
          [&line, member](const std::string& value) {
            line.given.push_back([member, value](Settings& s) { s.*member = value; });
          },
          setting.help);
      if (!(defaults.*member).empty()) option->default_str(defaults.*member);
      option->run_callback_for_default(false);
    } else if (const auto* flag = std::get_if<Setting::Switch>(&setting.kind)) {
      const auto member = flag->member;
      command.add_flag_callback(
          setting.flag, [&line, member] { line.given.push_back([member](Settings& s) { s.*member = true; }); },
          setting.help);
    } else {
      const auto number = std::get<Setting::Number>(setting.kind);
      const std::string name = setting.flag;
      auto* option = command.add_option_function<int64_t>(
          setting.flag,
          [&line, number, name](int64_t value) {
            const std::string problem = problemWith(number, value);
            if (!problem.empty()) throw CLI::ValidationError(name, problem);
            line.given.push_back([number, value](Settings& s) { number.set(s, value); });
          },
          setting.help);
      option->default_str(std::to_string(number.get(defaults)));
      option->run_callback_for_default(false);
    }
  }
}

}  // namespace

Parsed parseCommandLine(int argc, char** argv, const Settings& defaults) {
  Parsed parsed;
  CommandLine& line = parsed.line;
  CLI::App app{"weir: a multi-tenant JavaScript edge platform"};
  app.name("weir");
  app.require_subcommand(1);
  app.set_version_flag("--version", WEIR_VERSION);
  app.footer(exampleOf("weir serve --config weir.toml\n  weir serve --help"));

  auto* serve = app.add_subcommand("serve", "Serve what the catalog in --data has, and the scripts of weir.toml");
  serve->add_option("--config", line.config, "The scripts to run, and settings; flags win over it")
      ->capture_default_str();
  addSettings(*serve, line, defaults);
  serve->footer(exampleOf("weir serve --edge 127.0.0.1:8787 --control 127.0.0.1:8788 --config weir.toml"));

  auto* dev = app.add_subcommand("dev", "Run one file on every host name; reload it on save; show logs and errors");
  dev->add_option("FILE", line.file, "The main module; what stands beside it are its modules")->required();
  addSettings(*dev, line, devDefaults(defaults));
  dev->footer(exampleOf("weir dev examples/hello/index.js"));

  auto* doctor = app.add_subcommand(
      "doctor", "Show what is installed and which confinements work here; 1 when something is amiss");
  doctor->add_flag("--json", line.json, "As JSON");
  addSettings(*doctor, line, defaults, {"--node", "--engine-dir"});
  doctor->footer(exampleOf("weir doctor --json"));

  auto* profile = app.add_subcommand("profile", "Save what was measured of a script, for developer tools");
  profile->add_option("NAME", line.profile.script, "The script")->required();
  profile->add_flag("--startup", line.profile.startup, "The CPU profile of its last start that took too long")
      ->required();
  profile->add_option("--data", line.profile.data, "Data directory of the weir that measured it")
      ->capture_default_str();
  profile->add_option("--account", line.profile.account, "Id of the account, where several have a script of the name");
  profile->add_option("--output", line.profile.output,
                      "File to write; - for standard output; NAME-startup.cpuprofile if not given");
  profile->footer(exampleOf("weir profile shop --startup --output shop.cpuprofile"));

  auto* trigger = app.add_subcommand("trigger", "Fire in a running weir what else the clock fires");
  trigger->require_subcommand(1);
  trigger->footer(exampleOf("weir trigger cron cleanup '*/5 * * * *'"));
  auto* cron = trigger->add_subcommand("cron", "Run a script's scheduled() now; 1 when it does not end well");
  cron->add_option("NAME", line.trigger.script, "The script")->required();
  cron->add_option("CRON", line.trigger.cron, "What scheduled() is told; the script's only cron if not given");
  cron->add_option("--account", line.trigger.account, "Name or id of the script's account; the first one if not given");
  cron->add_flag("--json", line.json, "As JSON");
  addSettings(*cron, line, defaults, {"--control", "--data"});
  cron->footer(exampleOf("weir trigger cron cleanup '*/5 * * * *'"));

  addAccountCommand(app, line.catalog);
  addZoneCommand(app, line.catalog);
  addRouteCommand(app, line.catalog);
  addDomainCommand(app, line.catalog);
  addTokenCommand(app, line.catalog);
  addSecretKeyCommand(app, line.catalog);
  addAuditCommand(app, line.catalog);
  addBackupCommands(app, line.catalog);
  addEnvCommand(app, line.catalog);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      parsed.exitCode = app.exit(error);
      return parsed;
    }
    std::string verb;
    for (auto given = app.get_subcommands(); !given.empty(); given = given.back()->get_subcommands())
      verb += " " + given.back()->get_name();
    std::fprintf(stderr, "weir: %s; see weir%s --help\n", base::withoutControls(error.what()).c_str(), verb.c_str());
    parsed.exitCode = 2;
    return parsed;
  }
  line.trigger.controlGiven = cron->get_option("--control")->count() > 0;
  line.trigger.dataGiven = cron->get_option("--data")->count() > 0;
  if (serve->parsed()) line.command = Command::kServe;
  else if (dev->parsed()) line.command = Command::kDev;
  else if (profile->parsed()) line.command = Command::kProfile;
  else if (cron->parsed()) line.command = Command::kTrigger;
  else line.command = doctor->parsed() ? Command::kDoctor : Command::kCatalog;
  parsed.run = true;
  return parsed;
}

}  // namespace weir::cli
