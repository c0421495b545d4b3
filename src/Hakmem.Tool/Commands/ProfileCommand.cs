using System;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Tool.Answers;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Display;
using Hakmem.Tool.Profiles;
using Spectre.Console;

namespace Hakmem.Tool.Commands;

// A heap profile of a process over some seconds, or the difference of two profiles in files.
internal static class ProfileCommand
{
    private const int DefaultRows = 20;

    public static Command Create()
    {
        Options options = new();
        Command command =
            new("profile", "Samples allocations for some seconds and shows which functions' blocks take the memory.")
        {
            options.Pid, options.Seconds, options.Heap, options.MeanBytes, options.Output, options.Format,
            options.Value, options.Rows, options.Diff, options.Json, options.Timeout,
        };
        command.Validators.Add(result =>
        {
            bool hasPid = result.GetResult(options.Pid) is { Tokens.Count: > 0 };
            bool hasDiff = result.GetResult(options.Diff) is { Implicit: false };
            if (hasPid == hasDiff)
            {
                result.AddError("Name a process, or two files with --diff.");
            }
        });
        CommandBase.SetAction(command, options.Json, (parsed, cancelled) => options.Run(parsed, cancelled));
        return command;
    }

    private sealed class Options
    {
        public Argument<int?> Pid { get; } = new("pid")
        {
            Description = "The identifier of the process.",
            Arity = ArgumentArity.ZeroOrOne,
        };

        public Option<int> Seconds { get; } = CommandBase.Seconds("How long to sample.", 10);

        public Option<string?> Heap { get; } = CommandBase.Heap();

        public Option<long?> MeanBytes { get; } = CommandBase.BoundMeanBytes(new Option<long?>("--mean-bytes")
        {
            Description =
                "The mean number of bytes between two samples: 524288 by default. Fewer cost the process more.",
        });

        public Option<FileInfo?> Output { get; } = CommandBase.File(new Option<FileInfo?>("--output", "-o")
        {
            Description = "The file to write; without it one is named after the process and the time.",
        });

        public Option<ProfileFormat> Format { get; } = new("--format") { Description = "The format of the file." };

        public Option<ProfileValue> Value { get; } = new("--by")
        {
            Description = "What the table shows: bytes in use at the end, or all that was allocated meanwhile.",
        };

        public Option<int> Rows { get; } =
            CommandBase.Rows("How many functions the table shows.", DefaultRows);

        public Option<string[]> Diff { get; } = CommandBase.File(new Option<string[]>("--diff")
        {
            Description = "Two files in pprof's format: shows what the second has more than the first.",
            Arity = new ArgumentArity(2, 2),
            AllowMultipleArgumentsPerToken = true,
        });

        public Option<bool> Json { get; } = CommandBase.AsJson();

        public Option<double> Timeout { get; } = CommandBase.Timeout();

        public async Task Run(ParseResult parsed, CancellationToken cancelled)
        {
            if (parsed.GetValue(Diff) is [var before, var after])
            {
                HeapProfile difference = PprofReader.Read(after).Subtract(PprofReader.Read(before));
                FileInfo? named = parsed.GetValue(Output);
                using WholeFile? wanted = named is null ? null : await OpenAsync(named.FullName, parsed, cancelled);
                WriteFile(wanted, parsed, difference);
                Show(parsed, difference, named?.FullName, $"{after} less {before}; shares are of all changes", wanted);
                return;
            }

            Target target = Target.Require(parsed.GetValue(Pid)!.Value);
            string path =
                parsed.GetValue(Output)?.FullName ?? Path.GetFullPath(NameOf(target, parsed.GetValue(Format)));
            using WholeFile file = await OpenAsync(path, parsed, cancelled);
            HeapProfile profile = await ReadAsync(target, parsed, cancelled);
            WriteFile(file, parsed, profile);
            string title = $"process {target.Id} ({target.Name}), {profile.Duration.TotalSeconds:0.#} s";
            Show(parsed, profile, path, title, file);
        }

        private Task<WholeFile> OpenAsync(string path, ParseResult parsed, CancellationToken cancelled) =>
            CommandBase.OpenFileAsync(path, Output.Name, parsed.GetValue(Json), cancelled);

        private async Task<HeapProfile> ReadAsync(Target target, ParseResult parsed, CancellationToken cancelled)
        {
            Request request = Request.Of(
                "profile", ("Seconds", parsed.GetValue(Seconds)), ("Heap", parsed.GetValue(Heap)),
                ("MeanSampleBytes", parsed.GetValue(MeanBytes)));
            JsonElement answer = await ProgressDisplay.ShowAsync(parsed.GetValue(Json), progress => Exchange.AskAsync(
                target, request, CommandBase.TimeoutOf(parsed, Timeout), cancelled, progress));
            return ProfileOf(AnswerReader.Read<ProfileAnswer>(answer));
        }

        private void WriteFile(WholeFile? file, ParseResult parsed, HeapProfile profile) =>
            file?.Write(stream =>
            {
                switch (parsed.GetValue(Format))
                {
                    case ProfileFormat.Speedscope:
                        profile.WriteSpeedscope(stream);
                        break;
                    case ProfileFormat.Collapsed:
                        using (StreamWriter writer = new(stream, new UTF8Encoding(false), leaveOpen: true))
                        {
                            profile.WriteCollapsed(writer, BytesOf(parsed.GetValue(Value)));
                        }

                        break;
                    default:
                        profile.WritePprof(stream);
                        break;
                }
            });

        private void Show(ParseResult parsed, HeapProfile profile, string? path, string title, WholeFile? file)
        {
            if (file is { IsOutput: true })
            {
                return;
            }

            ProfileValue value = parsed.GetValue(Value);
            FunctionRow[] rows = TopFunctions.Of(profile, BytesOf(value), ObjectsOf(value));
            long total = value == ProfileValue.InUse ? profile.InUseBytes : profile.AllocatedBytes;
            long whole = TopFunctions.WholeOf(profile, BytesOf(value));
            FunctionRow[] shown = [.. rows.Take(parsed.GetValue(Rows))];
            if (parsed.GetValue(Json))
            {
                CommandBase.WriteJson(new
                {
                    file = path,
                    profile.InUseBytes,
                    profile.InUseObjects,
                    profile.AllocatedBytes,
                    profile.AllocatedObjects,
                    profile.LostSamples,
                    functions = shown,
                });
                return;
            }

            IAnsiConsole console = CommandBase.Terminal;
            string what = value == ProfileValue.InUse ? ", in use at the end" : "";
            console.WriteText($"About {Texts.Bytes(total)} allocated meanwhile{what}: {title}");
            FigureTable table = new(leading: 0, ">bytes", ">share", ">with callees", ">share", ">blocks", "function");
            foreach (FunctionRow row in shown)
            {
                table.AddRow(
                    Texts.Bytes(row.Bytes), Texts.Share(row.Bytes, whole), Texts.Bytes(row.SumBytes),
                    Texts.Share(row.SumBytes, whole), Texts.Count(row.Objects), row.Function);
            }

            console.Write(table);
            if (profile.LostSamples > 0)
            {
                console.WriteText(
                    $"{Texts.Count(profile.LostSamples)} samples could not be kept: the estimates are too low.");
            }

            if (path is not null)
            {
                console.WriteText($"The profile is in {path}");
            }
        }

        private static HeapProfile ProfileOf(ProfileAnswer answer)
        {
            try
            {
                HeapProfile profile = answer.ToProfile();
                if (TopFunctions.CanBeSummed(profile.Samples))
                {
                    return profile;
                }
            }
            catch (OverflowException)
            {
                // The same, within one stack.
            }

            throw new ToolException(ToolError.NoAnswer, "The answer cannot be read: its values are too large.");
        }

        private static string NameOf(Target target, ProfileFormat format)
        {
            string time = DateTime.Now.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);
            string ending = format switch
            {
                ProfileFormat.Speedscope => "speedscope.json",
                ProfileFormat.Collapsed => "collapsed.txt",
                _ => "pb.gz",
            };
            return $"hakmem-{target.Id}-{time}.{ending}";
        }

        private static HeapProfileValue BytesOf(ProfileValue value) =>
            value == ProfileValue.InUse ? HeapProfileValue.InUseBytes : HeapProfileValue.AllocatedBytes;

        private static HeapProfileValue ObjectsOf(ProfileValue value) =>
            value == ProfileValue.InUse ? HeapProfileValue.InUseObjects : HeapProfileValue.AllocatedObjects;
    }
}

internal enum ProfileFormat
{
    Pprof,
    Speedscope,
    Collapsed,
}

internal enum ProfileValue
{
    InUse,
    Allocated,
}
