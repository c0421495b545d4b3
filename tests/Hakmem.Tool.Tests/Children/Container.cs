using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading.Tasks;
using Hakmem.Tool.Tests.Support;
using Xunit;

namespace Hakmem.Tool.Tests.Children;

// A target program as the first process of a container: with namespaces of its own for processes and mounts, and a root
// directory that has the system's files, the runtime, the program and the tool, but no SDK. Made by util-linux's
// unshare, so it needs no container engine; it needs root.
internal sealed class Container : IAsyncDisposable
{
    // $1 the root, $2 the directory of dotnet, $3 that of the programs, $4 the program's name. The mounts end with the
    // namespace.
    private const string Script = """
        set -e
        root=$1 dotnet=$2 programs=$3
        mkdir -p "$root/usr" "$root/etc" "$root/proc" "$root/dev" "$root/tmp" "$root/app" \
          "$root/runtime/host" "$root/runtime/shared"
        for name in bin lib lib64; do
          if [ -L "/$name" ]; then
            ln -s "$(readlink "/$name")" "$root/$name"
          elif [ -d "/$name" ]; then
            mkdir "$root/$name"
            mount --bind "/$name" "$root/$name"
          fi
        done
        mount --bind /usr "$root/usr"
        mount --bind /etc "$root/etc"
        mount --rbind /dev "$root/dev"
        mount --bind "$programs" "$root/app"
        cp "$dotnet/dotnet" "$root/runtime/"
        mount --bind "$dotnet/host" "$root/runtime/host"
        mount --bind "$dotnet/shared" "$root/runtime/shared"
        case $dotnet in
          /usr/*) mount -t tmpfs none "$root$dotnet" ;;
        esac
        mount -t proc proc "$root/proc"
        exec chroot "$root" env -i PATH=/usr/bin:/bin DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 \
          /runtime/dotnet /app/Hakmem.Tool.Tests.dll child "$4"
        """;

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);

    private readonly string _folder;
    private readonly Process _unshare;

    private Container(string folder, Process unshare, int id)
    {
        _folder = folder;
        _unshare = unshare;
        Id = id;
    }

    // Why there can be none here; null if there can.
    public static string? Obstacle { get; } = FindObstacle();

    // The target's process identifier outside; inside it is 1.
    public int Id { get; }

    public string Pid => Id.ToString(CultureInfo.InvariantCulture);

    public static async Task<Container> StartAsync(string program)
    {
        string folder = Directory.CreateTempSubdirectory("hakmem-container").FullName;
        string runtime = RuntimeEnvironment.GetRuntimeDirectory();
        string dotnet = Path.GetFullPath(Path.Combine(runtime, "..", "..", ".."));
        ProcessStartInfo start = new("unshare")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        string[] words =
            ["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", Script, "sh", folder, dotnet,
                AppContext.BaseDirectory, program];
        Array.ForEach(words, start.ArgumentList.Add);
        Process unshare = Process.Start(start)!;
        string? line = await unshare.StandardOutput.ReadLineAsync().WaitAsync(s_limit);
        Assert.True(line == "ready", $"The container's program did not start: {line}");
        string child = await File.ReadAllTextAsync($"/proc/{unshare.Id}/task/{unshare.Id}/children");
        return new Container(folder, unshare, int.Parse(child.Trim(), CultureInfo.InvariantCulture));
    }

    // Runs the tool within the container.
    public Task<ToolRun> RunInsideAsync(params string[] args) => RunDotNetAsync(["/app/Hakmem.Tool.dll", .. args]);

    // Runs `dotnet` within the container.
    public Task<ToolRun> RunDotNetAsync(params string[] args) => ToolRun.OfAsync(
        ["nsenter", "--target", Pid, "--mount", "--pid", "--root", "--wd", "/usr/bin/env", "-i", "PATH=/usr/bin:/bin",
            "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1", "/runtime/dotnet"], args);

    public async ValueTask DisposeAsync()
    {
        _unshare.Kill(entireProcessTree: true);
        await _unshare.WaitForExitAsync().WaitAsync(s_limit);
        _unshare.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static string? FindObstacle()
    {
        if (!OperatingSystem.IsLinux())
        {
            return "Containers are made by Linux's namespaces.";
        }

        ProcessStartInfo start = new("unshare", ["--mount", "--pid", "--fork", "true"])
        {
            RedirectStandardError = true,
        };
        try
        {
            using Process trial = Process.Start(start)!;
            string error = trial.StandardError.ReadToEnd();
            trial.WaitForExit();
            return trial.ExitCode == 0 ? null : $"Namespaces cannot be made: {error.Trim()}";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "It needs unshare.";
        }
    }
}
