"""What each command takes; the work is imported when a command runs, so --help is immediate."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Channel permutations for N:M sparsity: search them, see them, export the sparse model.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help and usage errors survive pipes and narrow terminals
    pretty_exceptions_enable=False,
)

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A demo (digits, mobilenet_v2), another known architecture, torchvision:NAME, "
        "timm:NAME or transformers:NAME, or module:function for one of your own.",
    ),
]
Format = Annotated[str, typer.Option("--format", metavar="NAME", help="table, csv or json.")]
Device = Annotated[
    str, typer.Option(metavar="NAME", help="auto, cpu, cuda, torch:cpu or another torch device.")
]
State = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Weights for that architecture: a .safetensors, .pt or .pth state dict.",
    ),
]
Outputs = Annotated[
    str, typer.Option(metavar="LIST", help="Outputs that count: names or places, as logits,1.")
]


@app.command()
def explore(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="What is loaded at first, as in search.")
    ] = "digits",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Port on 127.0.0.1.")
    ] = 5006,
    show: Annotated[bool, typer.Option("--open/--no-open", help="Open a browser.")] = True,
) -> None:
    """Serve the explorer on this machine, with a model already loaded."""
    from permviz.app.port import check_port
    from permviz.cli.console import remarks
    from permviz.cli.loading import check_known, given

    own = given(model)
    if own is None:
        check_known(model)
    check_port(port)
    remarks().print(f"Preparing the explorer with {model} ...")
    from permviz.app.serve import serve

    serve(own or model, port, open_browser=show)


@app.command()
def search(
    model: Model,
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help='Such as "osg(stripes=2)", by default auto; repeat it for the best of several.',
        ),
    ] = None,
    pattern: Annotated[str, typer.Option(metavar="N:M", help="What to prune to.")] = "2:4",
    importance: Annotated[
        str, typer.Option(metavar="NAME", help="What pruning ranks by.")
    ] = "magnitude",
    budget: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="For each strategy over the whole model."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the random numbers.")] = 0,
    bound: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Say how far from the best orders can be: lp."),
    ] = None,
    device: Device = "auto",
    state: State = None,
    outputs: Outputs = "",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Directory to export to.")] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep searches there as they go; a killed run goes on from the same directory.",
        ),
    ] = None,
    accuracy: Annotated[
        bool, typer.Option(help="Measure the accuracy, if the model comes with data.")
    ] = True,
) -> None:
    """Search permutations for a model; with --out, export it sparse and verified.

    Ctrl-C ends the search and keeps the best orders so far.
    """
    from permviz.cli.searching import Request, run

    request = Request(
        model=model,
        state=state,
        outputs=outputs,
        strategies=tuple(strategy or ["auto"]),
        pattern=pattern,
        importance=importance,
        budget=budget,
        seed=seed,
        bound=bound,
        device=device,
        out=out,
        keep=keep,
        accuracy=accuracy,
    )
    raise typer.Exit(run(request))


@app.command()
def analyze(
    model: Model,
    state: State = None,
    pattern: Annotated[str, typer.Option(metavar="N:M", help="What to prune to.")] = "2:4",
    outputs: Outputs = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which layers can be permuted, on which scores, and what keeps the rest.

    Networks of `permviz reproduce coverage`, such as gpt2, are analysed with random weights.
    """
    from permviz.cli.analyzing import run

    run(model, state, pattern, outputs, as_json=as_json)


@app.command()
def verify(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="An export.")],
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="What was exported, to compare its output as well."),
    ] = None,
    state: State = None,
    outputs: Outputs = "",
) -> None:
    """Prove that an export is whole, N:M, and (with --model) computes what the model does."""
    from permviz.cli.verifying import run

    run(directory, model, state, outputs)


@app.command()
def report(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="An export.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="By default report.html in DIR."),
    ] = None,
) -> None:
    """Write one self-contained HTML page about an export."""
    from permviz.export.html import write_page

    typer.echo(f"Wrote {write_page(directory, output)}.")


@app.command()
def bench(
    rows: Annotated[int, typer.Option(metavar="N", help="Of each matrix.")] = 64,
    channels: Annotated[int, typer.Option(metavar="N", help="Of each matrix.")] = 128,
    seeds: Annotated[int, typer.Option(metavar="N", help="How many matrices.")] = 25,
    strategies: Annotated[
        str, typer.Option(metavar="LIST", help='Such as "auto,osg(stripes=2, escapes=100)".')
    ] = "channel_swap,osg,assignment,auto",
    budgets: Annotated[
        str,
        typer.Option(metavar="LIST", help="Seconds such as 0.1,1; by default until they converge."),
    ] = "",
    distribution: Annotated[
        str, typer.Option(metavar="NAME", help="Of the scores: uniform, normal or heavy.")
    ] = "uniform",
    pattern: Annotated[str, typer.Option(metavar="N:M", help="What to prune to.")] = "2:4",
    device: Device = "auto",
    form: Format = "table",
) -> None:
    """Compare strategies on random matrices: mean and deviation of efficacy and seconds."""
    from permviz.cli.bench import Request, run

    request = Request(
        rows=rows,
        channels=channels,
        seeds=seeds,
        strategies=strategies,
        budgets=budgets,
        distribution=distribution,
        pattern=pattern,
        device=device,
        form=form,
    )
    raise typer.Exit(run(request))


@app.command()
def reproduce(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="table1, table3, table9, table10, figure3, figure4, or coverage.",
        ),
    ],
    seeds: Annotated[
        int | None, typer.Option(metavar="N", help="Fewer matrices or runs than the paper.")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="For each search of ours: 1, or 5 for table10."),
    ] = None,
    strategies: Annotated[
        str, typer.Option(metavar="LIST", help="Only these, such as auto,osg.")
    ] = "",
    networks: Annotated[
        str, typer.Option(metavar="LIST", help="For coverage: only these, such as resnet50,gpt2.")
    ] = "",
    device: Device = "auto",
    form: Format = "table",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write there.")] = None,
) -> None:
    """Run a table or figure of the paper: its strategies and ours, beside what was published.

    Coverage analyses networks, the paper's and today's: what can be permuted, and the proof.
    """
    from permviz.cli.reproduce import Request, run

    request = Request(
        name=name,
        seeds=seeds,
        budget=budget,
        strategies=strategies,
        device=device,
        form=form,
        out=out,
        networks=networks,
    )
    raise typer.Exit(run(request))
