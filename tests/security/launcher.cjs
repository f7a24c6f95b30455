// node launcher.cjs ADDON [ARGUMENT...]: loads the addon, whose initialiser takes over the main thread.
'use strict';
process.dlopen({ exports: {} }, process.argv[2]);
