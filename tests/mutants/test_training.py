"""Broken copies of the formulas of `training`, each shown to fail the tests."""

from tests.mutants.running import mutants

RULES = "tests/training/test_rules.py"
MEASURES = "tests/training/test_measures.py"
ENSEMBLE = "tests/training/test_ensemble.py"
COMPARE = "tests/training/test_comparison.py"
STATISTICS = "tests/training/test_statistics.py"
GRAPHS = "tests/training/test_graphs.py"
PROOF = "tests/training/test_gradient_proof.py"
PARAMETRIZATION = "tests/training/test_parametrization.py"
STATE = "tests/training/test_state.py"
SETTINGS = "tests/training/test_settings.py"
NETWORKS = "tests/training/test_networks.py"

MODULE = "tests/training/test_module.py"
BATCHES = "tests/training/test_batches.py"
REPORTS = "tests/training/test_sweep_reports.py"
PROTOCOLS = "tests/training/test_protocols.py"
SPECTRA = "tests/training/test_spectra.py"
TRAIN = "tests/training/test_train.py"
DATA = "tests/training/test_data.py"
FOLDERS = "tests/training/test_data_folders.py"
HOSTILE = FOLDERS + "::test_what_cannot_be_read_as_it_is_is_an_error_that_names_it"
DAMAGED = FOLDERS + "::test_damaged_files_are_an_error_unless_they_are_skipped_which_is_said"
CACHE = "tests/training/test_data_cache.py"
ANEW = CACHE + "::test_other_files_are_decoded_anew_and_the_old_are_forgotten"
NOISE = "tests/training/test_data_noise.py"
SPECTRUM = NOISE + "::test_mean_and_power_spectrum_are_the_datas_within_sampling_error"
SWEEP = "tests/training/test_sweep.py"
ALONE = SWEEP + "::test_a_member_is_the_network_trained_alone"
COMPILED = SWEEP + "::test_the_compiled_gradient_is_the_rules"
KILLED = SWEEP + "::test_what_was_killed_goes_on_to_the_same_bits"
PAIRED = SWEEP + "::test_runs_are_paired_over_rules_rates_and_reductions"
DRAWN = SWEEP + "::test_batches_are_functions_of_run_and_step"
DIVERGED = SWEEP + "::test_what_diverges_stays_flagged_and_counted"
FROM = "tests/training/test_sweep_data.py"
MOVED = FROM + "::test_a_folder_that_was_moved_is_named_anew"
WHERE = FROM + "::test_where_the_files_lie_is_no_part_of_the_data"
GENERATED = "tests/training/test_generation_measures.py"
EVALUATED = "tests/training/test_evaluation.py"
AUDITED = "tests/training/test_audit_command.py"
OBJECTIVE = "tests/training/test_objective.py"
IGN = OBJECTIVE + "::test_the_ign_recipe_descends_what_ports_of_it_write"
TIGHT = OBJECTIVE + "::test_tightness_pushes_away_and_never_further_than_its_bound"
POOL = OBJECTIVE + "::test_the_pool_finds_the_nearest_of_what_f_made"
FOLLOWS = OBJECTIVE + "::test_a_pool_is_where_its_data_are"
LOADED = OBJECTIVE + "::test_a_pool_that_was_loaded_has_the_same_inputs"
SCHEDULED = OBJECTIVE + "::test_a_trainer_of_ones_own_trains_the_parts_by_their_schedules"
STRUCTURE = OBJECTIVE + "::test_structural_similarity_of_even_pictures_is_that_of_their_means"
DESCENT = PULLS = OBJECTIVE + "::test_likelihood_pulls_the_nearest_picture_to_each_datum"
DIED = "tests/training/test_generative_runs.py::test_a_network_that_died_has_a_page_that_says_so"
OWN_DATA = "tests/training/test_generative_runs.py::test_a_run_goes_on_with_its_own_noise_and_no_other_data"
BOMB = "tests/training/test_data.py::test_an_archive_is_unpacked_no_further_than_mnist_goes"
FETCHED = "tests/training/test_data.py::test_what_is_fetched_and_is_another_does_not_stay"
CUT = "tests/training/test_data_cache.py::test_a_decoder_that_ends_before_it_has_said_all_is_told_of_too"
FEW = "tests/training/test_data_cache.py::test_few_large_pictures_are_decoded_at_a_time"
ROOM = OBJECTIVE + "::test_a_pool_that_memory_cannot_hold_is_refused"
CHANGED = "tests/training/test_generative_runs.py::test_what_a_recipe_was_changed_in_is_said_beside_its_name"
AS_IT_IS = "tests/training/test_generative_runs.py::test_a_recipe_as_it_is_has_its_name_alone"
OTHER_SIZE = (
    "tests/training/test_generative_runs.py::test_a_network_that_makes_pictures_of_another_size_is_refused"
)
RAMPS = OBJECTIVE + "::test_weights_grow_between_two_shares_of_the_run"
ABSOLUTE = OBJECTIVE + "::test_absolute_errors_go_through_one_application_or_both"
TRACELESS = OBJECTIVE + "::test_passes_beside_f_of_data_and_noise_move_no_running_average"
ACTS = OBJECTIVE + "::test_the_rule_acts_where_it_is_asked_to"
TWICE = OBJECTIVE + "::test_no_pass_is_made_twice"
COLLAPSED = OBJECTIVE + "::test_collapsed_networks_are_told_though_they_reconstruct"
COSINE = OBJECTIVE + "::test_the_cosine_is_between_the_rule_and_all_else"
RUNS = "tests/training/test_generative_runs.py"
SIGNED = RUNS + "::test_pictures_to_generate_go_from_minus_1_to_1"
COURSE = RUNS + "::test_a_run_leaves_a_network_its_noise_its_sheets_and_its_course"
OVERRIDDEN = RUNS + "::test_what_a_recipe_says_a_file_may_override_and_the_command_line_both"
MEASURED = RUNS + "::test_pictures_of_data_with_labels_are_measured_in_the_end"
NEIGHBOURS = OBJECTIVE + "::test_half_precision_finds_the_same_neighbours"
MERGED = RUNS + "::test_a_ramp_beside_a_recipe_leaves_its_others"
GROUPS = NETWORKS + "::test_groups_leave_outputs_that_differ"
RANGE = RUNS + "::test_pictures_are_given_in_the_range_of_the_network"
RESUMED = RUNS + "::test_a_run_that_was_killed_goes_on_as_if_it_had_not_been"
SHEETS = "tests/training/test_sheets.py"
GENERATOR = "tests/training/test_generator.py"
CORRUPTED = "tests/training/test_corruptions.py"
LATENTS = "tests/training/test_latents.py"
GENERATE = "tests/training/test_generate.py"
PROJECT = "tests/training/test_project.py"
GOES_ON = TRAIN + "::test_a_run_that_was_killed_goes_on_as_if_it_had_not_been"

MUTANTS = [
    (
        "training/rules/loss.py",
        "return 1 / batch",
        "return 1 / entries",
        RULES + "::test_scaling_of_the_reductions",
    ),
    (
        "training/rules/loss.py",
        "error, lead = square.detach() / entries, scale / 2 *",
        "error, lead = square.detach() / entries, scale *",
        RULES + "::test_the_other_rules_by_hand",
    ),
    (
        "training/rules/loss.py",
        "scale * relaxation",
        "scale",
        RULES + "::test_relaxing_the_rule_is_relaxing_its_corrector",
    ),
    (
        "training/rules/loss.py",
        'y if rule == "ordinary" else y.detach()',
        "y",
        RULES + "::test_inner_and_outer_make_the_ordinary_rule",
    ),
    (
        "training/rules/loss.py",
        "batch = len(y) if samples is None else samples",
        "batch = len(y)",
        RULES + "::test_the_number_of_samples_may_be_anothers",
    ),
    (
        "training/rules/loss.py",
        'elif reduction == "half_sum":',
        "elif False:",
        RULES + "::test_gradcheck_is_refused",
    ),
    (
        "training/rules/pulls.py",
        "pull.sub_(wide(power)",
        "pull.add_(wide(power)",
        RULES + "::test_the_gradient_in_y_is_the_target_less_y",
    ),
    (
        "training/rules/pulls.py",
        "fixed * (1 - first)",
        "fixed * 1",
        RULES + "::test_the_identity_corrector_has_no_gradient",
    ),
    (
        "training/rules/pulls.py",
        "        if others[i]:",
        "        if i:",
        RULES + "::test_the_gradient_in_y_is_the_target_less_y",
    ),
    (
        "training/rules/pulls.py",
        "following = f(power)",
        "following = f(y)",
        RULES + "::test_the_gradient_in_y_is_the_target_less_y",
    ),
    (
        "training/rules/pulls.py",
        "    with torch.no_grad():\n        if chunk",
        "    if True:\n        if chunk",
        RULES + "::test_fixed_targets_keep_no_graph",
    ),
    (
        "training/rules/pulls.py",
        "wide(f(at)) - wide(at)",
        "wide(f(at)) - wide(at).detach()",
        RULES + "::test_inner_and_outer_make_the_ordinary_rule",
    ),
    (
        "training/rules/pulls.py",
        "return linear(x, layers[0].weight)",
        "return inner(x)",
        RULES + "::test_the_naive_rule_leaves_bias_and_activation_out",
    ),
    (
        "training/rules/pulls.py",
        "x if x.dtype == torch.float64 else x.float()",
        "x",
        RULES + "::test_low_precision_is_subtracted_in_float32",
    ),
    (
        "training/rules/surrogate.py",
        "context.scale) * direction)",
        "context.scale) * direction * (1 + 5e-8))",
        SETTINGS + "::test_accumulated_gradients",
    ),
    (
        "training/rules/applications.py",
        "if tracked and _changes(y) != version:",
        "if False:",
        RULES + "::test_mistakes_are_named",
    ),
    (
        "training/rules/pulls.py",
        "part.running_mean is None or",
        "",
        RULES + "::test_mistakes_are_named",
    ),
    (
        "training/rules/loss.py",
        "    if not torch.is_grad_enabled():",
        "    if False:",
        RULES + "::test_values_alone_take_one_pass",
    ),
    (
        "training/rules/surrogate.py",
        "return _Once.apply(step, carrier), None",
        "return step, None",
        RULES + "::test_second_derivatives_are_refused_where_there_is_no_potential",
    ),
    (
        "training/rules/surrogate.py",
        "(gradient * context.scale) * direction",
        "context.scale * direction",
        SETTINGS + "::test_scaled_gradients",
    ),
    (
        "training/rules/surrogate.py",
        "frame = frame.f_back",
        "break",
        RULES + "::test_line_searches_are_refused",
    ),
    (
        "training/rules/applications.py",
        "functional_call(inner, held, (y,)) if held",
        "inner(y) if held",
        STATE + "::test_only_the_callers_pass_moves_running_statistics",
    ),
    (
        "training/rules/applications.py",
        'with in_mode(inner, "eval") if',
        'with in_mode(inner, "train") if',
        STATE + "::test_passes_in_evaluation_mode_use_the_running_statistics",
    ),
    (
        "training/rules/applications.py",
        ' or buffers == "update":',
        ":",
        STATE + "::test_passes_may_move_them_as_the_notes_code_does",
    ),
    (
        "training/rules/applications.py",
        "        _set_states(start[0], devices)",
        "        pass",
        STATE + "::test_shared_masks_are_those_of_one_thinned_network",
    ),
    (
        "training/rules/applications.py",
        "            _set_states(end.pop(), devices)",
        "            end.pop()",
        STATE + "::test_passes_that_share_draw_nothing_anew",
    ),
    (
        "training/rules/applications.py",
        "isinstance(net, DistributedDataParallel)",
        "False",
        SETTINGS + "::test_wrapped_networks_are_passed_once_keep_buffers_and_share_masks",
    ),
    (
        "training/rules/parallel.py",
        "number /= dist.get_world_size()",
        "pass",
        SETTINGS + "::test_two_processes",
    ),
    (
        "training/networks.py",
        "(3 if side % 2 else 4, 2, 1)",
        "(4, 2, 1)",
        NETWORKS + "::test_autoencoders_of_pictures_of_any_size",
    ),
    (
        "training/networks.py",
        "bias=not norm), *norm, _leaky(), *lost]",
        "bias=not norm), _leaky(), *lost]",
        NETWORKS + "::test_autoencoders_of_pictures_of_any_size",
    ),
    (
        "training/networks.py",
        "if dropout and i < len(widths) - 1 else",
        "if dropout else",
        NETWORKS + "::test_dropout_leaves_out_channels_within_either_half",
    ),
    (
        "training/auditing.py",
        "else low + (high - low) * x",
        "else x",
        AUDITED + "::test_pictures_are_put_in_the_range_that_a_network_was_trained_in",
    ),
    (
        "training/graphs/recording.py",
        'held += getattr(node, "saved_tensors", ())',
        "held += ()",
        GRAPHS + "::test_one_set_of_activations_is_kept_or_two",
    ),
    (
        "training/weights.py",
        "if not all(isinstance(width, int) and 0 < width <= _WIDEST for width in widths):",
        "if False:",
        "tests/training/test_audit_command.py",
    ),
    (
        "training/weights.py",
        'if named and path.suffix != ".safetensors":',
        "if False:",
        "tests/training/test_audit_command.py",
    ),
    (
        "training/rules/loss.py",
        "return 2 / entries",
        "return 1 / entries",
        RULES + "::test_gradients_and_values_are_the_notes_own",
    ),
    ("training/measures.py", "centred = (y - y.mean(0)).flatten(1)", "centred = y.flatten(1)", MEASURES),
    (
        "training/measures.py",
        'collapsed = not values["kept"] >= variance_floor',
        'collapsed = values["kept"] < 0',
        MEASURES,
    ),
    ("training/optimizers.py", "p.lerp_(end, share)", "p.lerp_(end, 2 * share)", ENSEMBLE),
    ("training/optimizers.py", "rates.shape != p.shape[:1]", "len(rates) > len(p)", ENSEMBLE),
    ("training/ensemble.py", "losses.sum()", "losses[0]", ENSEMBLE),
    ("training/ensemble.py", "materialize_grads=True", "allow_unused=False", ENSEMBLE),
    (
        "training/comparison/comparing.py",
        "final.sel(seed=list(self.setting.tuning_seeds))",
        "final.sel(seed=list(self.setting.seeds))",
        COMPARE + "::test_the_rate_is_chosen_by_validation_on_seeds_that_are_not_reported",
    ),
    (
        "training/rules/cost.py",
        '(2 if rule == "modified" else 1)',
        '(1 if rule == "modified" else 1)',
        COMPARE + "::test_passes_a_step_are_what_the_network_sees",
    ),
    (
        "training/comparison/report.py",
        'if {"lower", "higher"} <= shown:',
        "if False:",
        COMPARE + "::test_text_claims_what_intervals_support_and_no_more",
    ),
    ("training/statistics.py", "(1 + confidence) / 2", "confidence", STATISTICS),
    ("training/statistics.py", "if ratio.high < 1:", "if ratio.mean < 1:", STATISTICS),
    (
        "training/figures.py",
        "-(3 * y2 - 2 * y3 - y) / y.shape[0]",
        "-(3 * y2 - 2 * y3 - y) / y.numel()",
        PROOF + "::test_autograd_agrees_with_the_formulas_and_the_notes",
    ),
    (
        "training/figures.py",
        "inner = found.at_output in nx",
        "inner = found.at_output not in nx",
        GRAPHS + "::test_the_two_halves_of_the_ordinary_gradient_are_told_apart",
    ),
    (
        "training/figures.py",
        "torch.full_like(y, 1 / y.numel()",
        "torch.full_like(y, 1 / y.shape[0]",
        GRAPHS + "::test_the_yellow_box_that_the_notes_print_as_x_is_one_over_the_number_of_entries",
    ),
    (
        "training/graphs/recording.py",
        '("self", "other", "exponent")',
        '("self", "exponent")',
        GRAPHS + "::test_constants_operands_and_repeated_arguments",
    ),
    (
        "training/graphs/recording.py",
        ".data_ptr() not in storages",
        ".data_ptr() != 0",
        GRAPHS + "::test_one_set_of_activations_is_kept_or_two",
    ),
    (
        "training/graphs/recording.py",
        "if k.grad_fn is None and k.ndim",
        "if k.ndim",
        GRAPHS + "::test_one_set_of_activations_is_kept_or_two",
    ),
    (
        "training/graphs/recording.py",
        "for i, (other, _) in enumerate(node.next_functions) if other is before",
        "for i, (other, _) in enumerate(node.next_functions[:1]) if other is before",
        GRAPHS + "::test_constants_operands_and_repeated_arguments",
    ),
    (
        "training/graphs/layout.py",
        "-(wide[p] + wide[q]) / 2 - gap",
        "-(wide[p] + wide[q]) / 4 - gap",
        GRAPHS + "::test_layouts_keep_order_distance_and_direction",
    ),
    (
        "training/graphs/layout.py",
        "key=means.__getitem__",
        "key=str",
        GRAPHS + "::test_arrows_do_not_cross_where_they_need_not",
    ),
    (
        "training/graphs/drawing.py",
        "1] + lift - 0.5) * _STEP",
        "1] + lift + 0.5) * _STEP",
        GRAPHS + "::test_figure_5_is_parted_between_the_gradient_in_y_and_the_rest",
    ),
    (
        "training/parametrization/projection.py",
        "X[0] @ Y[1] + X[1] @ Y[0]]",
        "X[0] @ Y[1] - X[1] @ Y[0]]",
        PARAMETRIZATION + "::test_at_a_projector_the_gradient_is_tangential",
    ),
    (
        "training/parametrization/projection.py",
        "torch.stack([wide(A).mH, wide(G)])",
        "torch.stack([wide(A), wide(G)])",
        PARAMETRIZATION + "::test_the_gradient_is_the_adjoint_of_the_spectral_projectors_derivative",
    ),
    (
        "training/parametrization/projection.py",
        "range(int(steps.max()) + 1)",
        "range(int(steps.max()))",
        PARAMETRIZATION + "::test_at_a_projector_the_gradient_is_tangential",
    ),
    (
        "training/parametrization/projection.py",
        "(M[..., :m, :m] + M[..., m:, m:]).mH",
        "(M[..., :m, :m] + M[..., m:, m:])",
        PARAMETRIZATION + "::test_first_and_second_derivatives_against_differences",
    ),
    (
        "training/parametrization/registration.py",
        "A, base = A.clone(), P",
        "A, base = A, P",
        PARAMETRIZATION + "::test_a_weight_used_several_times_in_one_graph",
    ),
    (
        "training/parametrization/registration.py",
        "                A.copy_(P)",
        "                pass",
        PARAMETRIZATION + "::test_in_training_mode_the_projector_takes_the_parameters_place",
    ),
    (
        "training/parametrization/registration.py",
        "self.training and isinstance(A, nn.Parameter)",
        "isinstance(A, nn.Parameter)",
        PARAMETRIZATION + "::test_evaluation_and_frozen_parameters_and_given_tensors_change_nothing",
    ),
    (
        "training/parametrization/projection.py",
        "return (share[..., None, None] * E)",
        "return (1 * E)",
        PARAMETRIZATION + "::test_the_gradient_of_a_shortened_step",
    ),
    (
        "training/parametrization/projection.py",
        "(digits & (ranks(P) == rank) &",
        "(digits &",
        PARAMETRIZATION + "::test_evaluation_shortens_alike_and_changes_nothing",
    ),
    (
        "training/parametrization/registration.py",
        "return b - (P @",
        "return b + (P @",
        PARAMETRIZATION + "::test_every_step_of_any_optimizer_leaves_a_projector_of_the_same_rank",
    ),
    (
        "training/parametrization/matrices.py",
        "blocks.mT if self.transposed else blocks",
        "blocks",
        PARAMETRIZATION + "::test_convolutions_are_idempotent_maps_of_images",
    ),
    (
        "training/parametrization/matrices.py",
        "sign * ((n - 1) // 2)",
        "sign * (n // 2)",
        PARAMETRIZATION + "::test_convolutions_are_idempotent_maps_of_images",
    ),
    (
        "training/parametrization/registration.py",
        "eigenvectors[..., m - r :]",
        "eigenvectors[..., :r]",
        PARAMETRIZATION
        + "::test_it_starts_at_the_projector_it_is_near_and_else_at_the_nearest_orthogonal_one",
    ),
    ("training/runs/module.py", '"half_sum" if self.summed else "mean", y', '"mean", y', MODULE),
    ("training/runs/module.py", "found = task(y, clean(batch))", "found = task(y, batch)", MODULE),
    (
        "training/runs/module.py",
        'found["idempotency"] = value, self.weight * value',
        'found["idempotency"] = value, value',
        MODULE,
    ),
    (
        "training/runs/module.py",
        "self._require_finite({name: value for name, (value, _) in parts.items()}, inputs(batch))",
        "",
        TRAIN + "::test_what_is_not_finite_stops_before_it_is_in_the_weights",
    ),
    (
        "training/runs/keeping.py",
        "(now.step % pace.checkpoint == 0 or self.interrupted)",
        "now.step % pace.checkpoint == 0",
        TRAIN + "::test_an_interruption_ends_the_step_and_a_second_one_does_not",
    ),
    (
        "training/folder.py",
        "lock.acquire(blocking=False)",
        "pass",
        TRAIN + "::test_two_processes_are_not_at_one_run",
    ),
    (
        "training/foreign.py",
        "            return None\n",
        "            continue\n",
        TRAIN + "::test_errors_of_ours_have_no_place_in_theirs",
    ),
    ("training/data/images.py", ".div_(self.white)", ".div_(255)", DATA),
    ("training/data/images.py", "self.labels[chosen]", "self.labels[: len(chosen)]", DATA),
    ("training/data/images.py", "bool((together.bincount(minlength=1) > 1).any())", "False", DATA),
    ("training/data/idx.py", "len(data) != start + prod(shape)", "len(data) < start", DATA),
    ("training/data/decoding.py", "picture.width * picture.height > MOST_PIXELS", "False", HOSTILE),
    ("training/data/decoding.py", "int(arguments[1]) > 255", "False", HOSTILE),
    ("training/data/decoding.py", 'if ";16" in str(arguments):', "if False:", HOSTILE),
    ("training/data/decoding.py", "opacity < 255", "opacity < 0", HOSTILE),
    ("training/data/decoding.py", 'getattr(picture, "is_animated", False) and', "False and", HOSTILE),
    (
        "training/data/decoding.py",
        'and picture.format != "MPO"',
        "",
        FOLDERS + "::test_a_cameras_previews_are_no_animation",
    ),
    ("training/data/decoding.py", "Image.open(file, formats=FORMATS)", "Image.open(file)", DAMAGED),
    (
        "training/data/decoding.py",
        "ImageOps.exif_transpose(picture)",
        "picture",
        FOLDERS + "::test_pictures_are_turned_upright",
    ),
    (
        "training/data/decoding.py",
        "(picture.width - side) // 2",
        "0",
        FOLDERS + "::test_squares_are_scaled_by_the_formula",
    ),
    (
        "training/data/decoding.py",
        "Resampling.BILINEAR",
        "Resampling.BOX",
        FOLDERS + "::test_squares_are_scaled_by_the_formula",
    ),
    ("training/data/decoding.py", "        if not recipe.turned:", "        if False:", HOSTILE),
    ("training/data/listing.py", "stat.S_ISLNK(about.st_mode)", "False", HOSTILE),
    ("training/data/listing.py", '(_kind(path.name) or "").startswith("image/")', "False", HOSTILE),
    (
        "training/data/listing.py",
        "_kind(path) is None",
        "False",
        FOLDERS + "::test_files_of_no_known_kind_are_passed_over_which_is_said",
    ),
    (
        "training/data/listing.py",
        "os.walk(folder, onerror=_refuse)",
        "os.walk(folder)",
        FOLDERS + "::test_folders_that_cannot_be_read_are_not_passed_over",
    ),
    ("training/data/listing.py", "sorted(found, key=lambda file: file.name)", "found[::-1]", HOSTILE),
    ("training/data/folders.py", "    if left_out:", "    if False:", DAMAGED),
    ("training/data/folders.py", "count < FEWEST", "count < 1", FOLDERS + "::test_calls_that_are_refused"),
    (
        "training/data/faces.py",
        "sorted(there - partition.keys())",
        "[]",
        FOLDERS + "::test_faces_that_are_not_as_published",
    ),
    (
        "training/data/faces.py",
        "(numbers == i)",
        "(numbers == 2 - i)",
        FOLDERS + "::test_faces_are_in_their_official_parts",
    ),
    ("training/data/cache.py", "                if not damaged:", "                if False:", HOSTILE),
    (
        "training/data/cache.py",
        "files[done + number]",
        "files[number]",
        CACHE + "::test_several_processes_decode_as_one_does",
    ),
    ("training/data/cache.py", "[file.name, file.size, file.changed]", "[file.name, file.size]", ANEW),
    (
        "training/data/cache.py",
        "[root, asdict(",
        "[asdict(",
        CACHE + "::test_a_folder_is_the_same_however_it_is_called_and_another_where_it_lies_elsewhere",
    ),
    (
        "training/data/cache.py",
        '== about["checksum"]',
        "is not None",
        CACHE + "::test_a_damaged_stack_is_made_anew",
    ),
    (
        "training/data/cache.py",
        'with FileLock(cache / f"{family}.lock"):',
        "with suppress(OSError):",
        CACHE + "::test_of_two_at_once_one_decodes",
    ),
    ("training/data/cache.py", "                        old.unlink()", "                        pass", ANEW),
    (
        "training/data/cache.py",
        'replace(recipe, like="")',
        "recipe",
        CACHE + "::test_a_folder_is_the_same_however_it_is_called_and_another_where_it_lies_elsewhere",
    ),
    (
        "training/data/cache.py",
        "files[0].path.resolve()",
        "files[0].path",
        CACHE + "::test_a_folder_is_the_same_however_it_is_called_and_another_where_it_lies_elsewhere",
    ),
    (
        "training/data/working.py",
        "asked[done:])",
        "asked)",
        CACHE + "::test_processes_are_started_for_what_takes_longer_than_two_seconds",
    ),
    (
        "training/data/working.py",
        "Problem(number, isinstance",
        "Problem(0, isinstance",
        CACHE + "::test_several_processes_decode_as_one_does",
    ),
    (
        "training/data/progress.py",
        "> _AFTER",
        "> 0",
        CACHE + "::test_a_bar_is_drawn_after_two_seconds_and_not_before",
    ),
    ("training/data/noise.py", ".flip(-1).conj()", ".flip(-1)", SPECTRUM),
    ("training/data/noise.py", "self.mean + (self.root", "(self.root", SPECTRUM),
    ("training/data/noise.py", "(d - slope.square())", "d", SPECTRUM),
    (
        "training/data/noise.py",
        "square - count * mean",
        "square - 0 * mean",
        NOISE + "::test_a_pass_over_batches_is_that_over_all",
    ),
    ("training/data/noise.py", "rfft2(2 * x.double() - 1", "rfft2(x.double()", SPECTRUM),
    (
        "training/data/noise.py",
        "(2 * across % width == 0)",
        "(across >= 0)",
        NOISE + "::test_white_noise_has_unit_variance_and_no_correlation",
    ),
    ("training/runs/batches.py", "return data[indices].to(dtype)", "return data[indices]", BATCHES),
    ("training/runs/batches.py", "generator(self.seed, epoch)", "generator(self.seed)", BATCHES),
    ("training/runs/batches.py", "with chance(self.seed, k, self.rank):", "if True:", BATCHES),
    ("training/runs/batches.py", "noise * drawn[rows]", "noise * drawn[: len(x)]", BATCHES),
    ("training/runs/history.py", "file.truncate(length)", "file.truncate(None)", BATCHES),
    (
        "training/runs/keeping.py",
        "            restore(self.random[trainer.global_rank], module.device)",
        "            pass",
        GOES_ON,
    ),
    ("training/runs/running.py", "batches.loader(done, stop", "batches.loader(0, stop", GOES_ON),
    ("training/runs/module.py", 'self.batches = checkpoint["batches"]', "pass", GOES_ON),
    ("training/folder.py", "                draft.unlink()", "                pass", GOES_ON),
    (
        "training/runs/keeping.py",
        'if found["collapsed"]:\n        return math.inf',
        "if False:\n        return math.inf",
        TRAIN + "::test_a_collapse_stops_the_run_and_its_network_is_written",
    ),
    (
        "training/runs/checkpoints.py",
        "if facts.get(name) != theirs.get(name):",
        "if False:",
        TRAIN + "::test_checkpoints_of_others_are_refused",
    ),
    ("training/runs/checkpoints.py", '{"$tuple": [', '{"$list": [', MODULE),
    ("training/rules/cost.py", "max(corrector.degree, 2)", "corrector.degree", RULES + "::test_passes"),
    ("training/statistics.py", "np.log(ratios[np.isfinite", "(ratios[np.isfinite", STATISTICS),
    ("training/sweeping/protocols.py", "last.error < data.error", "last.error < 9 + data.error", PROTOCOLS),
    ("training/sweeping/protocols.py", "improved & last.collapsed", "last.collapsed", PROTOCOLS),
    ("training/sweeping/protocols.py", "within.isel(run=slice(count))", "within", PROTOCOLS),
    ("training/sweeping/protocols.py", "found.isel(run=slice(count, None))", "found", PROTOCOLS),
    ("training/sweeping/protocols.py", "<= budget * (1 + 1e-9)", "> 0", PROTOCOLS),
    ("training/sweeping/protocols.py", "centred.where(~failed(found), 1)", "centred", PROTOCOLS),
    ("training/sweeping/protocols.py", "clip(least, 1)", "clip(least)", PROTOCOLS),
    (
        "training/sweeping/plan.py",
        "self.epochs * min(each) // one",
        "self.epochs",
        REPORTS + "::test_rules_are_measured_where_they_have_spent_alike",
    ),
    (
        "training/sweeping/tables.py",
        "an_epoch * passes(",
        "passes(",
        REPORTS + "::test_rules_are_named_and_cost_what_their_corrector_does",
    ),
    (
        "training/sweeping/trajectories.py",
        "(points - mean) @ axes[:2].T",
        "points @ axes[:2].T",
        REPORTS + "::test_along_a_way_the_surface_is_the_runs_own_error",
    ),
    (
        "training/sweeping/trajectories.py",
        "places = mean + ",
        "places = ",
        REPORTS + "::test_along_a_way_the_surface_is_the_runs_own_error",
    ),
    (
        "training/sweeping/protocols.py",
        '"score": score(found).values',
        '"score": np.where(there, score(found), np.nan)',
        PROTOCOLS,
    ),
    (
        "training/sweeping/protocols.py",
        "np.where(alive, np.maximum(found.kept.values, LEAST_KEPT)",
        "np.where(alive, found.kept.values",
        PROTOCOLS,
    ),
    (
        "training/sweeping/protocols.py",
        "np.where(there, np.maximum(found[k].values, LEAST), np.nan)",
        "np.where(alive, np.maximum(found[k].values, LEAST), np.nan)",
        PROTOCOLS,
    ),
    (
        "training/sweeping/protocols.py",
        "alive = ~(_diverged(ours) | _diverged(theirs))",
        "alive = ~_diverged(ours)",
        PROTOCOLS,
    ),
    (
        "training/sweeping/protocols.py",
        "sound = ~(failed(ours).values | failed(theirs).values)",
        "sound = alive",
        PROTOCOLS,
    ),
    ("training/sweeping/protocols.py", "np.exp(np.nanmean(runs, 0))", "np.nanmean(runs, 0)", PROTOCOLS),
    (
        "training/sweeping/protocols.py",
        "np.logical_and.accumulate(near_by[:, ::-1], 1)[:, ::-1]",
        "near_by",
        PROTOCOLS,
    ),
    (
        "training/sweeping/protocols.py",
        "stays.any(1), data.epoch",
        "stays.any(1) | True, data.epoch",
        PROTOCOLS,
    ),
    (
        "training/sweeping/store.py",
        "if done != pieces:",
        "if False:",
        REPORTS + "::test_figures_are_of_whole_and_finished_sweeps",
    ),
    ("training/sweeping/protocols.py", "one.error.fillna(np.inf)", "one.error.fillna(0)", PROTOCOLS),
    (
        "training/sweeping/tables.py",
        "an_epoch * seconds[",
        "seconds[",
        REPORTS + "::test_equal_seconds_are_those_that_the_sweep_took",
    ),
    ("training/sweeping/store.py", 'facts["timed"]) * len(piece.rates)', 'facts["timed"])', SWEEP),
    ("training/sweeping/engine.py", "state.step % TIMED != TIMED // 2", "state.step % TIMED != 0", SWEEP),
    (
        "training/sweeping/plotting.py",
        '"effective rate (at half_sum)"] = data.effective_rate',
        '"effective rate (at half_sum)"] = scales[nominal]',
        REPORTS + "::test_rates_are_drawn_as_given_and_as_effective",
    ),
    (
        "training/sweeping/plotting.py",
        'ax.step(*best, where="post"',
        'ax.step(*best, where="pre"',
        REPORTS + "::test_staircases_are_the_least_error_of_what_keeps_as_much_or_more",
    ),
    (
        "training/sweeping/plotting.py",
        "_DASHES[i // len(_COLORS) % len(_DASHES)]",
        '"-"',
        REPORTS + "::test_rules_beyond_the_palette_are_told_apart",
    ),
    (
        "training/sweeping/plotting.py",
        "mean.collapsed <= (",
        "mean.collapsed >= 0 * (",
        REPORTS + "::test_runs_that_collapsed_are_hollow_and_where_most_did_the_line_is_faint",
    ),
    (
        "training/sweeping/plotting.py",
        '"X" if last["kept"] < VARIANCE_FLOOR else "s"',
        '"s"',
        REPORTS + "::test_planes_tell_how_each_rule_ends_and_how_much_they_hold",
    ),
    (
        "training/sweeping/spectra.py",
        "math.sqrt(m / batch)",
        "math.sqrt(1 / batch)",
        SPECTRA + "::test_the_rows_are_distributed_as_a_batchs",
    ),
    (
        "training/sweeping/spectra.py",
        "torch.arange(batch, batch - m, -1",
        "torch.arange(batch, batch + m, 1",
        SPECTRA + "::test_the_rows_are_distributed_as_a_batchs",
    ),
    (
        "training/sweeping/spectra.py",
        "self.eigenvalues.real > 0.5",
        "abs(self.eigenvalues) > 0.5",
        SPECTRA + "::test_ranks_are_predicted_from_first_spectra",
    ),
    (
        "training/optimizers.py",
        "p.addcmul_(gradients[name], _beside(self.rates, p)",
        "p.addcmul_(gradients[name], self.rates[0]",
        ALONE,
    ),
    ("training/optimizers.py", "p.lerp_(end, share)", "p.lerp_(end, share[0])", ALONE),
    ("training/optimizers.py", "beta2=0.999", "beta2=0.99", ALONE),
    ("training/optimizers.py", "if not self.memory:", "if True:", ENSEMBLE),
    (
        "training/sweeping/kernel.py",
        "slope[0, :size, :n] - factor * pull",
        "slope[0, :size, :n] + factor * pull",
        COMPILED,
    ),
    ("training/sweeping/kernel.py", "n, rule != INNER, rule != OUTER)", "n, True, rule != OUTER)", COMPILED),
    ("training/sweeping/kernel.py", "g[s] *= one - y[s] * y[s]", "g[s] *= one - y[s]", COMPILED),
    (
        "training/sweeping/kernel.py",
        "errors[m] = total / (samples * size)",
        "errors[m] = total / samples",
        COMPILED,
    ),
    (
        "training/sweeping/kernel.py",
        "            first[0, i, s] = x[i, start + s]",
        "            first[0, i, s] = x[i, s]",
        COMPILED,
    ),
    ("training/sweeping/kernel.py", "u = u * kind(1 / 32)", "u = u * kind(1 / 16)", COMPILED),
    (
        "training/sweeping/kernel.py",
        "        gradient[:] = kind(0)",
        "        pass",
        COMPILED,
    ),
    ("training/sweeping/plan.py", "(self.seed, piece.run)", "(self.seed, piece.number)", PAIRED),
    ("training/sweeping/plan.py", "plan.seed, piece.run)", "plan.seed, piece.number)", PAIRED),
    (
        "training/sweeping/inputs.py",
        "generator(*self.seed, _BATCH, step)",
        "generator(*self.seed, _BATCH)",
        DRAWN,
    ),
    (
        "training/sweeping/inputs.py",
        "generator(*self.seed, _ORDER, epoch)",
        "generator(*self.seed, _ORDER)",
        DRAWN,
    ),
    ("training/sweeping/inputs.py", "generator(seed[0], _HELD_OUT)", "generator(*seed, _HELD_OUT)", DRAWN),
    (
        "training/sweeping/engine.py",
        "(diverged < 0) & ~errors.isfinite(), state.step)",
        "(diverged < 0) & ~errors.isfinite(), 0)",
        DIVERGED,
    ),
    (
        "training/sweeping/engine.py",
        'torch.where(found["kept"].isfinite(), found["rank"], torch.nan)',
        'found["rank"]',
        DIVERGED,
    ),
    ("training/sweeping/engine.py", "state.step += 1\n", "state.step += 1 + (state.step == 3)\n", ALONE),
    (
        "training/sweeping/engine.py",
        "{name: state.weights[name].to(self.device) for name in names}",
        "{name: p.to(self.device) for name, p in state.weights.items()}",
        KILLED,
    ),
    ("training/sweeping/store.py", '"step": str(state.step),', '"step": str(state.step - 1),', KILLED),
    (
        "training/sweeping/store.py",
        'tensors |= {f"memory/{name}": part for name, part in state.memory.items()}',
        "pass",
        KILLED,
    ),
    (
        "training/sweeping/store.py",
        "plan.require_same(stored, str(self.path))",
        "pass",
        SWEEP + "::test_folders_of_other_things_are_refused",
    ),
    (
        "training/sweeping/store.py",
        "plan.data_dir is None and stored",
        "False and stored",
        MOVED,
    ),
    ("training/sweeping/store.py", "replace(plan, data_dir=None).to_json()", "plan.to_json()", WHERE),
    (
        "training/sweeping/store.py",
        "plan.require_inputs()",
        "pass",
        FROM + "::test_mistakes_are_named_before_anything_is_written",
    ),
    ("training/sweeping/plan.py", "field(default=None, compare=False)", "None", WHERE),
    ("training/sweeping/plan.py", 'del plain["data_dir"]', "pass", WHERE),
    ("training/sweeping/working.py", "if store.plan.data_dir is not None:", "if False:", MOVED),
    ("training/sweeping/inputs.py", "mnist(data_dir)", "mnist()", WHERE),
    (
        "training/sweeping/store.py",
        "with self.whole():\n                lock.acquire()",
        "if True:\n                lock.acquire()",
        SWEEP + "::test_a_disk_without_room_for_a_lock_is_said_to_be_full",
    ),
    (
        "training/sweeping/gradients.py",
        "error.errno not in NO_ROOM",
        "True",
        SWEEP + "::test_compiled_code_that_cannot_be_kept_is_used",
    ),
    (
        "training/sweeping/working.py",
        "filter(bytes.strip, said)",
        "()",
        SWEEP + "::test_a_process_that_fails_says_why",
    ),
    (
        "training/sweeping/store.py",
        'curves["kept"] < VARIANCE_FLOOR',
        'curves["kept"] < 0',
        SWEEP + "::test_a_collapse_stands_beside_the_error",
    ),
    (
        "training/sweeping/initialisation.py",
        "(u[:, :rank] * sigma[:rank])",
        "u[:, :rank]",
        SWEEP + "::test_initialisations",
    ),
    (
        "training/generation/distances.py",
        "np.sqrt(len(x) - 1)",
        "np.sqrt(len(x))",
        GENERATED + "::test_frechet_distance_beside_its_formula_and_a_peer",
    ),
    (
        "training/generation/distances.py",
        "2 * _frechet(x, y) - float(np.mean(halves))",
        "_frechet(x, y)",
        GENERATED + "::test_frechet_distance_is_biased_and_its_limit_is_not",
    ),
    (
        "training/generation/distances.py",
        "(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))",
        "k.mean()",
        GENERATED + "::test_kernel_distance_has_no_bias_and_an_honest_error",
    ),
    (
        "training/generation/manifolds.py",
        "tree.kneighbors()[0]",
        "tree.kneighbors(centres)[0]",
        GENERATED + "::test_manifolds_beside_double_loops",
    ),
    (
        "training/generation/manifolds.py",
        "reached |= block.any(0)",
        "reached = block.any(0)",
        GENERATED + "::test_manifolds_beside_double_loops",
    ),
    (
        "training/generation/nearness.py",
        "above - n * m / 2",
        "n * m / 2 - above",
        GENERATED + "::test_training_pictures_with_noise_are_memorised",
    ),
    (
        "training/generation/classes.py",
        "likeliest[most >= confidence]",
        "likeliest",
        GENERATED + "::test_classes_by_hand",
    ),
    (
        "training/generation/classifier.py",
        'header.get("weights") == _digest(net) and ',
        "",
        EVALUATED + "::test_a_damaged_file_in_the_cache_is_made_anew",
    ),
    (
        "training/generation/classifier.py",
        "with chance(recipe.seed), _one_thread()",
        "with _one_thread()",
        EVALUATED + "::test_training_is_its_recipe",
    ),
    (
        "training/generation/evaluation.py",
        "compare(inputs.cpu(), y, following)",
        "compare(y, y, following)",
        EVALUATED + "::test_powers_are_powers",
    ),
    (
        "training/generation/powers.py",
        'in_mode(net, "eval")',
        'in_mode(net, "train")',
        EVALUATED + "::test_networks_are_left_as_they_were",
    ),
    (
        "training/generation/sheets.py",
        "y = top + i * (tall + _GAP)",
        "y = top + i * tall",
        SHEETS + "::test_pixels_are_squares_of_dots_in_rows_and_columns",
    ),
    (
        "training/generation/sheets.py",
        "np.where(broken, to_rgb(PALETTE[5]), np.clip(coloured, 0, 1))",
        "np.clip(np.nan_to_num(coloured), 0, 1)",
        SHEETS + "::test_ranges_are_clipped_and_what_is_not_finite_is_seen",
    ),
    (
        "training/generation/generator.py",
        "(self.high - self.low) * (drawn + 1) / 2",
        "(self.high - self.low) * drawn",
        GENERATOR + "::test_noise_is_moved_to_the_range_of_f_and_pictures_back",
    ),
    (
        "training/generation/generator.py",
        "(self.high - self.low) * (mean + 1) / 2",
        "(self.high - self.low) * (mean + 1)",
        GENERATOR + "::test_the_mean_of_noise",
    ),
    (
        "training/generation/generator.py",
        "if found != expected:",
        "if False:",
        GENERATOR + "::test_files_that_hold_no_noise",
    ),
    (
        "training/generation/generator.py",
        "if not all(x.isfinite().all()",
        "if False and not all(x.isfinite().all()",
        GENERATOR + "::test_files_that_hold_no_noise",
    ),
    (
        "training/generation/generator.py",
        "    _ = found.rows  # whether they fit\n",
        "",
        GENERATOR + "::test_runs_that_cannot_be_used",
    ),
    (
        "training/generation/powers.py",
        "yield Power(k - 1, before, now, spent)",
        "yield Power(k - 1, now, now, spent)",
        GENERATOR + "::test_samples_are_powers_of_f_at_its_noise",
    ),
    (
        "training/generation/tables.py",
        "compare(x.cpu(), power.y, power.following)",
        "compare(power.y, power.y, power.following)",
        GENERATE + "::test_an_error_never_stands_alone",
    ),
    (
        "training/generation/tables.py",
        "if row.collapsed]",
        "if row.collapsed is None]",
        GENERATE + "::test_collapsed_pictures_are_a_result_that_does_not_hold",
    ),
    (
        "training/generation/corruptions.py",
        "x + deviation * torch.randn",
        "x + deviation**2 * torch.randn",
        CORRUPTED + "::test_noise_is_normal_of_this_deviation",
    ),
    (
        "training/generation/corruptions.py",
        "round(math.sqrt(share) * height)",
        "round(share * height)",
        CORRUPTED + "::test_masks_are_rectangles_anywhere_in_every_channel",
    ),
    (
        "training/generation/corruptions.py",
        "torch.randint(height - tall + 1,",
        "torch.randint(max(1, height - tall),",
        CORRUPTED + "::test_masks_are_rectangles_anywhere_in_every_channel",
    ),
    (
        "training/generation/corruptions.py",
        "(2 * deviation**2)",
        "(deviation**2)",
        CORRUPTED + "::test_blur_beside_scipy",
    ),
    (
        "training/generation/corruptions.py",
        "torch.stack([across, across.T])",
        "torch.stack([across, across])",
        CORRUPTED + "::test_sketches_beside_scipy",
    ),
    (
        "training/generation/corruptions.py",
        "length, ceil_mode=True",
        "length, ceil_mode=True, divisor_override=length**2",
        CORRUPTED + "::test_pixels_that_are_squares_beside_a_double_loop",
    ),
    (
        "training/generation/latents.py",
        "seen.append(output.clone())",
        "seen.append(output)",
        LATENTS + "::test_the_narrowest_module_cuts_f_in_two",
    ),
    (
        "training/generation/latents.py",
        "if not away <= _SMALL:",
        "if False:",
        LATENTS + "::test_networks_that_cannot_be_cut",
    ),
    (
        "training/generation/latents.py",
        "first * sign, (sigma.square() / total)[:count]",
        "first * sign, (sigma / sigma.sum())[:count]",
        LATENTS + "::test_principal_components_beside_scikit_learn",
    ),
    (
        "training/generation/latents.py",
        "mean + angle.cos() * (a - mean)",
        "mean + (1 - angle.sin()) * (a - mean)",
        LATENTS + "::test_steps_through_noise_are_noise",
    ),
    (
        "training/generation/latents.py",
        "codes[labels == plus].mean(0) - codes[labels == minus].mean(0)",
        "codes[labels == minus].mean(0) - codes[labels == plus].mean(0)",
        LATENTS + "::test_differences_of_classes",
    ),
    (
        "training/generation/projecting.py",
        "for y in (corrupted, projected))",
        "for y in (projected, corrupted))",
        PROJECT + "::test_errors_before_and_after_by_hand",
    ),
    (
        "training/generation/projecting.py",
        "clean.roll(-1, 0)",
        "clean",
        PROJECT + "::test_errors_before_and_after_by_hand",
    ),
    (
        "training/generation/projecting.py",
        "power_errors(generator.inputs(x), chosen)",
        "power_errors(x, chosen)",
        PROJECT + "::test_what_was_corrupted_is_beside_its_original",
    ),
    (
        "training/generation/results.py",
        "if mine != theirs:",
        "if False:",
        EVALUATED + "::test_figures_that_cannot_be_compared_are_not",
    ),
    ("training/objective/distances.py", "return 1 - similar", "return similar", STRUCTURE),
    ("training/objective/distances.py", "wide(x) - low", "wide(x) + 0 * low", STRUCTURE),
    ("training/objective/distances.py", "data_range=high - low", "data_range=high", STRUCTURE),
    ("training/objective/distances.py", "x[0].numel() / 2", "x[0].numel()", DESCENT),
    ("training/objective/parts.py", "(share - self.begin) / (self.whole - self.begin)", "1.0", RAMPS),
    ("training/objective/parts.py", "if share <= self.begin:", "if share < 0:", RAMPS),
    ("training/objective/parts.py", "step.of_noise.detach()", "step.of_noise", IGN),
    (
        "training/objective/parts.py",
        "self._each(wide(step.of_data), wide(step.x))",
        "self._each(wide(step.of_data), wide(step.x)).detach()",
        IGN,
    ),
    (
        "training/objective/parts.py",
        "self._each(wide(step.of_data), wide(step.x))",
        "self._each(wide(step.of_data), wide(step.x)).mean()",
        IGN,
    ),
    ("training/objective/parts.py", "-self._reduced(held.mean()", "self._reduced(held.mean()", TIGHT),
    ("training/objective/parts.py", "bound * torch.tanh(moved", "torch.tanh(moved", TIGHT),
    ("training/objective/parts.py", "bound = self.clamp * ", "bound = ", TIGHT),
    ("training/objective/parts.py", "weight.detach() for name", "weight for name", ABSOLUTE),
    ("training/objective/parts.py", 'y.detach() if rule == "outer" else y', "y", ABSOLUTE),
    ("training/objective/parts.py", 'quiet(step.net, "keep")', "step.net", TRACELESS),
    ("training/objective/parts.py", "buffer.clone() for", "buffer for", TRACELESS),
    ("training/objective/parts.py", "torch.cat([step.of_noise, step.of_data])", "step.of_noise", ACTS),
    (
        "training/objective/parts.py",
        '"nearest": lambda: step.of_nearest',
        '"nearest": lambda: step.of_noise',
        ACTS,
    ),
    (
        "training/objective/parts.py",
        "self.net(self.pool.nearest(self.x))",
        "self.net(self.pool.inputs[: len(self.x)])",
        PULLS,
    ),
    (
        "training/objective/parts.py",
        "    @cached_property\n    def of_noise",
        "    @property\n    def of_noise",
        TWICE,
    ),
    ("training/objective/pool.py", "alpha=-2", "alpha=-1", POOL),
    ("training/objective/pool.py", "apart.argmin(1)", "apart.argmax(1)", POOL),
    ("training/objective/pool.py", "self.draws += 1", "self.draws += 0", POOL),
    (
        "training/objective/pool.py",
        "if self._drawn != now:",
        "if self._drawn != now and not self._drawn:",
        POOL,
    ),
    ("training/objective/pool.py", "generator(self.seed, now)", "generator(self.seed)", POOL),
    ("training/objective/pool.py", "self._draw()\n        self.to(", "self.to(", LOADED),
    ("training/objective/pool.py", "self.to(x.device)", "pass", FOLLOWS),
    ("training/objective/pool.py", "post_hook(_measure)", "post_hook(lambda *_: None)", LOADED),
    ("training/objective/pool.py", "        _measure(self)\n", "", POOL),
    (
        "training/runs/page.py",
        "except ValueError as error:  # of codes",
        "except KeyError as error:  #",
        DIED,
    ),
    ("training/runs/batches.py", "known.append(", "(", OWN_DATA),
    ("training/runs/choices.py", "load_noise(earlier) if", "None if", OWN_DATA),
    ("training/folder.py", ', Path(SHEETS, "step.png")]', "]", OWN_DATA),
    ("training/data/idx.py", "file.read(_LONGEST + 1)", "file.read()", BOMB),
    ("training/data/idx.py", "        path.unlink()\n", "", FETCHED),
    ("training/data/working.py", "if len(data) < asked:", "if not data:", CUT),
    ("training/data/working.py", "min(_TOGETHER, _BYTES // prod(recipe.shape))", "_TOGETHER", FEW),
    ("training/objective/pool.py", "enabled=False", "enabled=True", NEIGHBOURS),
    ("training/objective/distances.py", "enabled=False", "enabled=True", STRUCTURE),
    (
        "training/networks.py",
        "groups = 1 if alone else",
        "groups =",
        NETWORKS + "::test_groups_leave_outputs_that_differ",
    ),
    ("training/runs/objective_options.py", "if part not in given", "", MERGED),
    (
        "training/runs/generative.py",
        'checkpoint["pool"] = self.pool.state_dict()',
        'checkpoint["pool"] = Pool(self.pool.count, self.pool.every, self.noise, 1).state_dict()',
        RESUMED,
    ),
    ("training/runs/generative.py", "value, weight * loss", "value, loss", SCHEDULED),
    (
        "training/runs/generative.py",
        "share = (self.batches - 1) / self.steps if",
        "share = 1.0 if",
        SCHEDULED,
    ),
    (
        "training/runs/generative.py",
        "if self.pool is not None and (self.batches - 1) % self.pool.every == 0:",
        "if self.pool is not None:",
        SCHEDULED,
    ),
    ("training/runs/generative.py", "measure(f, z)", "measure(f, x)", COLLAPSED),
    (
        "training/runs/module.py",
        'rule = rows.pop("idempotency", None)',
        'rule = rows.get("idempotency")',
        COSINE,
    ),
    ("training/runs/choices.py", "        module.double()", "        pass", RESUMED),
    ("training/runs/batches.py", "images.part(part).between(-1, 1)", "images.part(part)", SIGNED),
    ("training/runs/running.py", "math.nan if generates else", "", COURSE),
    ("training/memory.py", "needed > (free", "needed < (free", ROOM),
    (
        "training/objective/recipes.py",
        "meant(name, options[name]) != meant(name, own[name])",
        "False",
        CHANGED,
    ),
    (
        "training/runs/cli.py",
        "_held(given, option) != _held(stored[name], option)",
        "given != stored[name]",
        "tests/training/test_generative_runs.py::test_a_run_goes_on_by_the_words_that_began_it",
    ),
    (
        "training/memory.py",
        'sys.platform == "linux"',
        "False",
        "tests/training/test_memory.py::test_what_a_parent_held_does_not_count",
    ),
    (
        "training/generation/corruptions.py",
        "min(int(side), max(x.shape[2:]))",
        "int(side)",
        "tests/training/test_corruptions.py::test_squares_larger_than_a_picture_take_no_more_than_it",
    ),
    (
        "training/generation/generating.py",
        "except SameCodesError as error",
        "except KeyError as error",
        "tests/training/test_generative_runs.py::test_a_network_that_died_has_a_page_that_says_so",
    ),
    ("training/objective/recipes.py", "if ramp not in ramps", "", AS_IT_IS),
    ("training/auditing.py", "y[0].numel() != x[0].numel()", "False", OTHER_SIZE),
    ("training/runs/showing.py", "span = (-1.0, 1.0)", "span = (0.0, 1.0)", MEASURED),
    ("training/runs/objective_options.py", "recipe | dict(", "dict(", OVERRIDDEN),
    ("training/data/images.py", "mul_(self.high - self.low)", "mul_(self.high)", RANGE),
    ("training/runs/cost.py", " if spell.end <= begin", "", GOES_ON),
    ("training/runs/cost.py", " if spell.begin < spell.end", "", GOES_ON),
    ("training/runs/keeping.py", "self.cost.write(self.saved)", "pass", GOES_ON),
]


@mutants(MUTANTS)
def test_broken_formulas_do_not_live(copy, file, text, broken, tests):
    copy.must_fail(file, text, broken, tests)
