# rails.rb <folder> up|down: runs a folder of migrations as `rails db:migrate` and `db:rollback` do.
require "active_record"
folder, way = ARGV
ActiveRecord::Base.establish_connection(
  adapter: "postgresql", host: ENV["PGHOST"], port: ENV["PGPORT"], username: ENV["PGUSER"], database: "handover"
)
ActiveRecord::Migration.verbose = false
context = ActiveRecord::MigrationContext.new(folder, ActiveRecord::SchemaMigration)
way != "down" ? context.migrate : context.rollback(1000)
show = ->(name) { ActiveRecord::Base.connection.select_value("SHOW #{name}") }
puts "lock_timeout=#{show.("lock_timeout")} statement_timeout=#{show.("statement_timeout")}"
