<?php
// laravel.php <folder> up|down: runs a folder of migrations with Laravel's own migrator.
foreach (["Illuminate/Database/autoload.php", "Illuminate/Filesystem/autoload.php", "Illuminate/Events/autoload.php"] as $file) {
    require_once $file;
}

use Illuminate\Container\Container;
use Illuminate\Database\Capsule\Manager;
use Illuminate\Database\Migrations\DatabaseMigrationRepository;
use Illuminate\Database\Migrations\Migrator;
use Illuminate\Filesystem\Filesystem;
use Illuminate\Support\Facades\Facade;

[, $folder, $way] = $argv;
$capsule = new Manager();
$capsule->addConnection([
    "driver" => "pgsql", "host" => getenv("PGHOST"), "port" => getenv("PGPORT"), "username" => getenv("PGUSER"),
    "password" => "", "database" => "handover", "charset" => "utf8", "schema" => "public",
]);
$capsule->setAsGlobal();
$container = $capsule->getContainer();
$container->instance("db", $capsule->getDatabaseManager());
Facade::setFacadeApplication($container);

$repository = new DatabaseMigrationRepository($capsule->getDatabaseManager(), "migrations");
if (!$repository->repositoryExists()) {
    $repository->createRepository();
}
$migrator = new Migrator($repository, $capsule->getDatabaseManager(), new Filesystem());
$way === "down" ? $migrator->rollback([$folder], ["step" => 10000]) : $migrator->run([$folder]);
