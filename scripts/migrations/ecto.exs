# ecto.exs <file> up|down: a stand-in for Ecto, which is not to be had here. It loads the migration and writes what it
# would run on one connection, a JSON string a line: `execute` calls its function, `transaction` begins and commits.
defmodule Standin.Repo do
  def out(text), do: IO.puts(Base.encode64(text))
  def query!(sql, [], timeout: :infinity, log: false), do: out(sql)
  def checkout(work, timeout: :infinity), do: work.()

  def transaction(work, timeout: :infinity) do
    out("BEGIN")
    work.()
    out("COMMIT")
  end
end

defmodule Ecto.MigrationError do
  defexception [:message]
end

defmodule Ecto.Migration do
  defmacro __using__([]) do
    quote do
      import Ecto.Migration
      Module.register_attribute(__MODULE__, :disable_ddl_transaction, persist: true)
      Module.register_attribute(__MODULE__, :disable_migration_lock, persist: true)
    end
  end

  def repo, do: Standin.Repo
  def execute(work) when is_function(work, 0), do: work.()
end

[file, way] = System.argv()
[{module, _} | _] = Code.compile_file(file)
without = module.__info__(:attributes)[:disable_ddl_transaction] == [true]
unless without, do: Standin.Repo.out("BEGIN")
apply(module, String.to_atom(way), [])
unless without, do: Standin.Repo.out("COMMIT")
