// Started by the Node executable that hosts an engine: loads the addon and hands the main thread over to it.
'use strict';
const addon = { exports: {} };
process.dlopen(addon, process.argv[2]);
addon.exports.main(process.argv.slice(3));
